"""The zones and caps that live in one process, found by whose traffic they add up. Shared ones come from the store."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

from relay.throttle.cap import Cap
from relay.throttle.policy import Counted, PolicySnapshot, Scope, StoreAway, ZonePolicy, ZoneSource
from relay.throttle.zone import Zone

MOST_KEPT = 65_536  # zones, each about 300 bytes, before those at rest are looked for out of turn


class ZoneKey(NamedTuple):
    """Whose traffic a zone adds up, under which policy."""

    scope: Scope
    scope_id: str
    policy_id: str
    name: str


class KeyedZone(NamedTuple):
    """A limit of one version of a policy, and the key under which it adds up."""

    key: ZoneKey
    policy: ZonePolicy
    version: int
    store_away: StoreAway = StoreAway.SHARE


class Zones:
    """Finds the zone of a key, makes it when it is new, and forgets it once it is at rest and nobody uses it."""

    def __init__(self) -> None:
        """Begin with no zone."""
        self._found: WeakValueDictionary[ZoneKey, Zone] = WeakValueDictionary()
        self._kept: dict[ZoneKey, Zone] = {}
        self._looks_again_at = MOST_KEPT
        self._caps: dict[ZoneKey, Cap] = {}

    def __len__(self) -> int:
        """How many zones and caps are kept."""
        return len(self._found) + len(self._caps)

    def zone(self, key: ZoneKey, policy: ZonePolicy, version: int, now_ns: int) -> Zone:
        """The zone of ``key``, following ``policy`` from now on: everyone who holds it is judged by it."""
        zone = self._found.get(key)
        if zone is None:
            if len(self._kept) >= self._looks_again_at:
                self._forget_zones_at_rest(now_ns)
            zone = self._found[key] = self._kept[key] = Zone(policy)
        elif zone.policy != policy:
            zone.adopt(policy, now_ns)
        zone.source = ZoneSource(key.policy_id, version, key.name)
        return zone

    def cap(self, key: ZoneKey, policy: ZonePolicy, version: int) -> Cap:
        """The cap of ``key``, following ``policy`` from now on."""
        cap = self._caps.get(key)
        if cap is None:
            cap = self._caps[key] = Cap(policy.name, policy.permits)
        cap.limit = policy.permits
        cap.source = ZoneSource(key.policy_id, version, key.name)
        return cap

    def forget_those_at_rest(self, now_ns: int) -> None:
        """Drop zones whose bucket is full and caps with nothing open: made anew, they would be the same.

        A zone that a limiter holds stays: two of one key would let twice the limit pass, and what is spent
        from now on must outlive the limiter.
        """
        self._forget_zones_at_rest(now_ns)
        self._caps = {key: cap for key, cap in self._caps.items() if cap.taken}

    def _forget_zones_at_rest(self, now_ns: int) -> None:
        self._kept = {key: zone for key, zone in self._found.items() if zone.theoretical_arrival_ns > now_ns}
        self._kept = dict(self._found.items())  # with those at rest that are held: the others are gone by now
        self._looks_again_at = max(MOST_KEPT, 2 * len(self._kept))  # else many held ones were looked through each time


def keyed_zones(
    snapshots: Iterable[PolicySnapshot], scope_ids: Mapping[Scope, str], counted: Sequence[Counted]
) -> list[KeyedZone]:
    """The zones of several policies that count one of ``counted``, each with the key under which it adds up."""
    return [
        KeyedZone(
            ZoneKey(zone.scope, scope_ids[zone.scope], snapshot.policy_id, zone.name),
            zone,
            snapshot.version,
            snapshot.store_away,
        )
        for snapshot in snapshots
        for zone in snapshot.zones
        if zone.counted in counted
    ]
