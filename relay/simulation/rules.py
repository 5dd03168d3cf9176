"""What holds in a simulated world, and the zones and caps of each connection: as relay/gateway/admission.py finds them.

There is one tenant with one platform connection, and each client has an address of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from relay.simulation.asking import Asking
from relay.simulation.events import ConnectionName
from relay.throttle.cap import Cap
from relay.throttle.fairness import Priority
from relay.throttle.granting import Party
from relay.throttle.limiter import FLOWING, AnyZone, Limiter, SessionLimits
from relay.throttle.policy import Counted, PolicySnapshot, Scope
from relay.throttle.zones import KeyedZone, Zones, keyed_zones

THE_ONLY_ONE = "all"


@dataclass(frozen=True, slots=True)
class Rules:
    """Policies for all traffic alike, and how clients and channels stand to one another.

    Attributes:
        policies: a client's, its tenant's, its channel's; all of them at once.
        weights: of clients' shares, 1 for those that are not named.
        priorities: of channels, normal for those that are not named.
    """

    policies: tuple[PolicySnapshot, ...]
    weights: Mapping[str, int] = field(default_factory=dict)
    priorities: Mapping[str, Priority] = field(default_factory=dict)


class Limits:
    """The zones and caps of one run."""

    def __init__(self, rules: Rules, asking: Asking) -> None:
        """Begin with full buckets and nothing open; permits of shared zones come by ``asking``."""
        self._rules = rules
        self._asking = asking
        self._zones = Zones()
        self._numbers = count(1)

    def handshakes(self, name: ConnectionName, now_ns: int) -> Limiter:
        """What a handshake must pass."""
        return self._own(self._keyed(name, 0, Counted.HANDSHAKES), now_ns)

    def requests(self, name: ConnectionName, now_ns: int) -> Limiter:
        """The zones that an HTTP request must pass."""
        return self._own(self._keyed(name, 0, Counted.REQUESTS), now_ns)

    def caps(self, name: ConnectionName) -> list[Cap]:
        """What counts the connection as open."""
        found = self._keyed(name, 0, Counted.OPEN_CONNECTIONS)
        return [self._zones.cap(each.key, each.policy, each.version) for each in found]

    def of_connection(self, name: ConnectionName, now_ns: int) -> SessionLimits:
        """What the frames of a new connection must pass."""
        keyed = self._keyed(name, next(self._numbers), *FLOWING)
        return SessionLimits.of(self._zone(name, each, now_ns) for each in keyed)

    def _own(self, found: list[KeyedZone], now_ns: int) -> Limiter:
        return Limiter(self._zones.zone(each.key, each.policy, each.version, now_ns) for each in found)

    def _keyed(self, name: ConnectionName, number: int, *counted: Counted) -> list[KeyedZone]:
        scope_ids = dict.fromkeys(Scope, THE_ONLY_ONE) | {
            Scope.ADDRESS: name.client,
            Scope.CONNECTION: str(number),
            Scope.CLIENT: name.client,
            Scope.CHANNEL: name.channel,
        }
        return keyed_zones(self._rules.policies, scope_ids, counted)

    def _zone(self, name: ConnectionName, keyed: KeyedZone, now_ns: int) -> AnyZone:
        if keyed.key.scope is Scope.CONNECTION:
            return self._zones.zone(keyed.key, keyed.policy, keyed.version, now_ns)
        priority = self._rules.priorities.get(name.channel, Priority.NORMAL)
        party = Party(name.client, priority, self._rules.weights.get(name.client, 1))
        return self._asking.zone(keyed, None if keyed.key.scope is Scope.CLIENT else party)
