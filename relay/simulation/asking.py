"""The shared zones of one worker whose store answers at once: relay/sharing's tasks, step by step, in virtual time."""

from relay.simulation.agenda import Agenda, Plan
from relay.throttle.granting import Party, SharedBucket
from relay.throttle.leases import US_NS, LeasedZone
from relay.throttle.lines import Lines, Waiter
from relay.throttle.lots import FAR_NS
from relay.throttle.policy import SECOND_NS, ZoneSource
from relay.throttle.zones import KeyedZone, ZoneKey

SPACING_NS = 2_000_000  # at least, between two round trips
MOST_ZONES = 256  # in one round trip


class Asking:
    """Finds the shared zone of a key and party, and asks for its permits while it is in use."""

    def __init__(self, agenda: Agenda, lines: Lines[Waiter]) -> None:
        """Ask by ``agenda``, and wake those who wait in ``lines``."""
        self._agenda = agenda
        self._lines = lines
        self._zones: dict[tuple[ZoneKey, Party | None], LeasedZone] = {}
        self._buckets: dict[ZoneKey, SharedBucket] = {}
        self._active: dict[LeasedZone, None] = {}  # in order, so that a run repeats exactly
        self._next: Plan | None = None
        self._free_at_ns = 0

    def zone(self, keyed: KeyedZone, party: Party | None) -> LeasedZone:
        """The zone of ``keyed`` as ``party`` shares it."""
        zone = self._zones.get((keyed.key, party))
        if zone is None:
            zone = self._zones[keyed.key, party] = LeasedZone(keyed.key, keyed.policy, party, self._lack)
            zone.source = ZoneSource(keyed.key.policy_id, keyed.version, keyed.key.name)
            self._buckets.setdefault(keyed.key, SharedBucket())
        return zone

    def _lack(self, zone: LeasedZone) -> None:
        self._active[zone] = None
        self._look_at(self._agenda.now_ns)

    def _look_at(self, at_ns: int) -> None:
        at_ns = max(at_ns, self._free_at_ns)
        if self._next is not None:
            if self._next.at_ns <= at_ns:
                return
            self._next.cancel()
        self._next = self._agenda.plan(at_ns, self._look)

    def _look(self) -> None:
        now_ns, self._next = self._agenda.now_ns, None
        due = {zone: zone.due_ns(now_ns, self._lines.standing(zone)) for zone in self._active}
        first_ns = min(due.values())
        if first_ns <= now_ns:
            self._free_at_ns = now_ns + SPACING_NS
            together = sorted(due, key=due.__getitem__)[:MOST_ZONES]
            self._ask([zone for zone in together if zone.comes_along(now_ns, due[zone])])
        self._active = {zone: None for zone in self._active if not (zone.is_idle and due.get(zone, 0) == FAR_NS)}
        if self._active:
            self._look_at(first_ns if first_ns < FAR_NS else now_ns + SECOND_NS)

    def _ask(self, zones: list[LeasedZone]) -> None:
        now_ns = self._agenda.now_ns
        asks = {zone: zone.ask(now_ns, self._lines.standing(zone)) for zone in zones}
        grants = {
            zone: self._buckets[zone.key].grant(now_ns // US_NS, zone.terms, ask)
            for zone, ask in asks.items()
            if ask.wanted
        }
        for zone, grant in grants.items():
            zone.take(grant, now_ns, now_ns)
            self._lines.wake(zone, now_ns)
