"""What holds in a simulated world, and the zones and caps of each connection: as relay/gateway/admission.py finds them.

There is one tenant with one platform connection, which may have several credentials, and each client has an address of
its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.platforms.credentials import CredentialsInUse
from relay.simulation.asking import Asking
from relay.simulation.events import ConnectionName
from relay.throttle.cap import Cap
from relay.throttle.fairness import Priority
from relay.throttle.granting import Party
from relay.throttle.limiter import FLOWING, AnyZone, Limiter, SessionLimits
from relay.throttle.policy import Counted, PolicySnapshot, Scope, ZoneSource
from relay.throttle.verdict import PASS, Action
from relay.throttle.zones import KeyedZone, Zones, keyed_zones

THE_ONLY_ONE = "all"


@dataclass(frozen=True, slots=True)
class Rules:
    """Policies for all traffic alike, and how clients and channels stand to one another.

    Attributes:
        policies: a client's, its tenant's, its channel's; all of them at once.
        weights: of clients' shares, 1 for those that are not named.
        priorities: of channels, normal for those that are not named.
        credentials: how many share the traffic.
    """

    policies: tuple[PolicySnapshot, ...]
    weights: Mapping[str, int] = field(default_factory=dict)
    priorities: Mapping[str, Priority] = field(default_factory=dict)
    credentials: int = 1


@dataclass(frozen=True, slots=True)
class Shaken:
    """What became of a handshake: ``by`` refused it, or had it wait for ``wait_ns``; none where nothing did."""

    credential: str
    by: ZoneSource | None = None
    wait_ns: int = 0
    is_refused: bool = False


class Limits:
    """The zones and caps of one run.

    Attributes:
        credentials: how many connections use each.
    """

    def __init__(self, rules: Rules, asking: Asking) -> None:
        """Begin with full buckets and nothing open; permits of shared zones come by ``asking``."""
        self._rules = rules
        self._asking = asking
        self._zones = Zones()
        self._connections = 0
        self._credential_ids = [str(number) for number in range(1, rules.credentials + 1)]
        self.credentials = CredentialsInUse()

    def least_used(self) -> list[str]:
        """The credentials that a new connection tries in turn."""
        return self.credentials.least_used(self._credential_ids)

    def shake_hands(self, name: ConnectionName, now_ns: int) -> Shaken:
        """Ask the caps whether there is room, and charge the handshake to its zones if there is.

        A credential that is full makes way for the next.
        """
        *others, last = self.least_used()
        for credential in others:
            shaken, scope = self._try(name, credential, now_ns)
            if not shaken.is_refused or scope is not Scope.CREDENTIAL:
                return shaken
        return self._try(name, last, now_ns)[0]

    def _try(self, name: ConnectionName, credential: str, now_ns: int) -> tuple[Shaken, Scope | None]:
        """What becomes of a handshake with one credential, and the scope of the limit that decided."""
        for keyed in self._keyed(name, credential, 0, Counted.OPEN_CONNECTIONS):
            cap = self._cap(keyed)
            if cap.is_full:
                return Shaken(credential, cap.source, is_refused=True), keyed.key.scope
        limiter = self.handshakes(name, credential, now_ns)
        verdict = limiter.admit(now_ns)
        if verdict is PASS:
            return Shaken(credential), None
        by, is_refused = limiter.decided_by, verdict.action is Action.REJECT
        return Shaken(credential, by.source, verdict.wait_ns, is_refused), by.policy.scope

    def handshakes(self, name: ConnectionName, credential: str, now_ns: int) -> Limiter:
        """What a handshake must pass."""
        return self._own(self._keyed(name, credential, 0, Counted.HANDSHAKES), now_ns)

    def requests(self, name: ConnectionName, now_ns: int) -> Limiter:
        """The zones that an HTTP request must pass."""
        return self._own(self._keyed(name, self.least_used()[0], 0, Counted.REQUESTS), now_ns)

    def caps(self, name: ConnectionName, credential: str) -> list[Cap]:
        """What counts the connection as open."""
        return [self._cap(each) for each in self._keyed(name, credential, 0, Counted.OPEN_CONNECTIONS)]

    def of_connection(self, name: ConnectionName, credential: str, now_ns: int) -> SessionLimits:
        """What the frames of a new connection must pass."""
        self._connections += 1
        keyed = self._keyed(name, credential, self._connections, *FLOWING)
        return SessionLimits.of(self._zone(name, each, now_ns) for each in keyed)

    def _cap(self, keyed: KeyedZone) -> Cap:
        return self._zones.cap(keyed.key, keyed.policy, keyed.version)

    def _own(self, found: list[KeyedZone], now_ns: int) -> Limiter:
        return Limiter(self._zones.zone(each.key, each.policy, each.version, now_ns) for each in found)

    def _keyed(self, name: ConnectionName, credential: str, number: int, *counted: Counted) -> list[KeyedZone]:
        scope_ids = dict.fromkeys(Scope, THE_ONLY_ONE) | {
            Scope.ADDRESS: name.client,
            Scope.CONNECTION: str(number),
            Scope.CLIENT: name.client,
            Scope.CHANNEL: name.channel,
            Scope.CREDENTIAL: credential,
        }
        return keyed_zones(self._rules.policies, scope_ids, counted)

    def _zone(self, name: ConnectionName, keyed: KeyedZone, now_ns: int) -> AnyZone:
        if keyed.key.scope is Scope.CONNECTION:
            return self._zones.zone(keyed.key, keyed.policy, keyed.version, now_ns)
        priority = self._rules.priorities.get(name.channel, Priority.NORMAL)
        party = Party(name.client, priority, self._rules.weights.get(name.client, 1))
        return self._asking.zone(keyed, None if keyed.key.scope is Scope.CLIENT else party)
