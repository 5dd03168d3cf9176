"""What a limit is: zones, their units, and the rules that make a zone sensible. Holds no state: zone.py does."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

SECOND_NS = 1_000_000_000
DAY_SECONDS = 86_400
LARGEST_PERMITS = 1_000_000_000_000
LARGEST_PERIOD_NS = 366 * 24 * 3600 * SECOND_NS
LEASE_SECONDS = 0.1  # a shared zone's permit that is not spent is given up at this age, from before it was asked for
ZONE_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")  # travels in close reasons and metric labels


class Scope(StrEnum):
    """Whose traffic a zone adds up."""

    ADDRESS = "address"
    CONNECTION = "connection"
    CLIENT = "client"
    CHANNEL = "channel"
    CREDENTIAL = "credential"
    PLATFORM_CONNECTION = "platform_connection"
    TENANT = "tenant"


class Counted(StrEnum):
    """What a zone counts."""

    HANDSHAKES = "handshakes"
    MESSAGES = "messages"
    BYTES = "bytes"
    CONTROL_FRAMES = "control_frames"
    OPEN_CONNECTIONS = "open_connections"
    REQUESTS = "requests"

    @property
    def label(self) -> str:
        """The words for a sentence, such as "open connections"."""
        return self.value.replace("_", " ")


class Direction(StrEnum):
    """Which way the counted traffic flows."""

    TO_PLATFORM = "to_platform"
    TO_CLIENT = "to_client"


class Beyond(StrEnum):
    """What happens to what exceeds the burst."""

    WAIT = "wait"
    REJECT = "reject"
    CLOSE = "close"


class StoreAway(StrEnum):
    """What becomes of a policy's shared limits while Redis does not answer."""

    SHARE = "share"  # each relay process goes on with its last known part of the limit
    REFUSE = "refuse"  # nothing passes: messages wait, handshakes are refused
    LET_PASS = "let_pass"  # noqa: S105 - nothing is held back


ALWAYS_REFUSED = (Counted.HANDSHAKES, Counted.OPEN_CONNECTIONS)
REFUSABLE = (*ALWAYS_REFUSED, Counted.REQUESTS)  # they have an answer: HTTP 429
PROTECTING = (*ALWAYS_REFUSED, Counted.CONTROL_FRAMES)  # default zones of these stay beside a policy of one's own


class PolicyRefused(ValueError):
    """A zone or policy that makes no sense.

    ``problems`` is a list of pairs of the field at fault and a sentence that says what is wrong and what to do.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(" ".join(sentence for _, sentence in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonePolicy:
    """One limit: ``permits`` in ``period_ns`` for a scope, with nginx's ``burst`` and ``delay``, both counts.

    For bytes, ``permits``, ``burst`` and ``delay`` count bytes. For open connections ``permits`` is the
    most that may be open at once, and period, burst and delay have no meaning.

    A strict zone that relay processes share never lets more through in any window than one process would; the others
    may, by the permits of ``LEASE_SECONDS``.

    Raises:
        PolicyRefused: the fields contradict one another; it names every fault.
    """

    name: str
    permits: int
    period_ns: int = SECOND_NS
    burst: int = 0
    delay: int = 0
    scope: Scope = Scope.CLIENT
    counted: Counted = Counted.MESSAGES
    direction: Direction = Direction.TO_PLATFORM
    beyond: Beyond = Beyond.WAIT
    close_after_waiting_seconds: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense, so that a wrong zone cannot exist."""
        problems = [*self._amount_problems(), *self._burst_problems(), *self._meaning_problems()]
        if problems:
            raise PolicyRefused(problems)

    def _amount_problems(self) -> list[tuple[str, str]]:
        problems = []
        if not ZONE_NAME.fullmatch(self.name):
            sentence = (
                f"{self.name!r} is no zone name. Use up to 32 small letters, digits and _, beginning with a letter."
            )
            problems.append(("name", sentence))
        if not 1 <= self.permits <= LARGEST_PERMITS:
            sentence = f"permits is {self.permits}, but must lie between 1 and {LARGEST_PERMITS:,}."
            problems.append(("permits", f"{sentence} To let nothing through, disable the client."))
        if not 1 <= self.period_ns <= LARGEST_PERIOD_NS:
            sentence = (
                "the period must be longer than nothing and at most 366 days. A rate of 1 a day is 1 in 86,400 s."
            )
            problems.append(("period_seconds", sentence))
        return problems

    def _burst_problems(self) -> list[tuple[str, str]]:
        if self.counted is Counted.OPEN_CONNECTIONS and (self.burst or self.delay):
            sentence = (
                "open connections have no burst: permits alone says how many may be open. Set burst and delay to 0."
            )
            return [("burst", sentence)]
        if not 0 <= self.burst <= LARGEST_PERMITS:
            return [("burst", f"burst is {self.burst}, but must lie between 0 and {LARGEST_PERMITS:,}.")]
        if not 0 <= self.delay <= self.burst:
            sentence = f"delay is {self.delay} and burst is {self.burst}, but delay must lie between 0 and burst:"
            return [("delay", f"{sentence} it is the part of the burst that passes at once.")]
        if self.strict and self.burst < leased_permits(self):
            sentence = f"a strict limit needs a burst of {leased_permits(self):,} or more, what passes in 100 ms:"
            return [
                ("strict", f"{sentence} so much may be on its way in relay processes. Raise burst, or clear strict.")
            ]
        return []

    def _meaning_problems(self) -> list[tuple[str, str]]:
        problems = []
        if self.strict and (self.counted in ALWAYS_REFUSED or self.scope is Scope.CONNECTION):
            sentence = "this limit is exact as it is: strict is for messages and bytes that several connections share."
            problems.append(("strict", f"{sentence} Clear it."))
        if self.counted in ALWAYS_REFUSED and self.beyond is not Beyond.REJECT:
            sentence = f"{self.counted.label} beyond the limit are always refused with 429. Choose reject."
            problems.append(("beyond", sentence))
        if self.counted is Counted.REQUESTS and self.beyond is Beyond.CLOSE:
            problems.append(("beyond", "a request has no connection of its own to close. Choose reject or wait."))
        if self.counted not in REFUSABLE and self.beyond is Beyond.REJECT:
            sentence = (
                "an open connection never drops a message: all that follow in a compressed stream would be ruined."
            )
            problems.append(("beyond", f"{sentence} Choose wait or close."))
        if self.counted in REFUSABLE and self.direction is not Direction.TO_PLATFORM:
            problems.append(("direction", f"{self.counted.label} go to the platform. Choose to_platform."))
        if self.scope is Scope.CONNECTION and self.counted in REFUSABLE:
            problems.append(
                ("scope", f"one connection cannot add up {self.counted.label}. Choose client or a wider scope.")
            )
        if self.beyond is Beyond.CLOSE and not 1 <= self.close_after_waiting_seconds <= DAY_SECONDS:
            sentence = "to close a connection, say after how many seconds of waiting without a break: 1 to 86,400."
            problems.append(("close_after_waiting_seconds", sentence))
        if self.beyond is not Beyond.CLOSE and self.close_after_waiting_seconds:
            sentence = (
                f"close_after_waiting_seconds has no effect with beyond = {self.beyond}. Set it to 0 or choose close."
            )
            problems.append(("close_after_waiting_seconds", sentence))
        return problems


def leased_permits(policy: ZonePolicy) -> int:
    """How many permits of a zone come back while a lease lasts, rounded up."""
    return math.ceil(policy.permits * LEASE_SECONDS * SECOND_NS / max(1, policy.period_ns))


class ZoneSource(NamedTuple):
    """Where a zone's limit comes from: a version of a policy, and the zone's name in it.

    Version 0 is none: the limit is a setting of the process.
    """

    policy_id: str
    version: int
    zone: str


@dataclass(frozen=True, slots=True)
class PolicySnapshot:
    """A published version of a policy, as the relay enforces it.

    Raises:
        PolicyRefused: two zones share a name.
    """

    policy_id: str
    version: int
    zones: tuple[ZonePolicy, ...] = field(default=())
    store_away: StoreAway = StoreAway.SHARE

    def __post_init__(self) -> None:
        """Refuse two zones of one name: a close reason could not say which of them decided."""
        refuse_repeated_names(self.zones)


def refuse_repeated_names(zones: tuple[ZonePolicy, ...]) -> None:
    """Check that each zone of a policy has a name of its own.

    Raises:
        PolicyRefused: two zones share a name.
    """
    names = [zone.name for zone in zones]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        sentence = f"two zones are called {', '.join(repeated)}. A close reason names the zone: give each its own."
        raise PolicyRefused([("name", sentence)])


def default_zones() -> tuple[ZonePolicy, ...]:
    """The limits of a client that no policy was written for (docs/reference/limits.md gives the reasons)."""
    reject, connections = Beyond.REJECT, Counted.OPEN_CONNECTIONS
    return (
        ZonePolicy(name="client_handshakes", counted=Counted.HANDSHAKES, permits=5, burst=10, delay=10, beyond=reject),
        ZonePolicy(name="client", scope=Scope.CLIENT, permits=100, burst=20, delay=10),
        ZonePolicy(name="connection", scope=Scope.CONNECTION, permits=100, burst=20, delay=10),
        ZonePolicy(
            name="control_frames",
            scope=Scope.CONNECTION,
            counted=Counted.CONTROL_FRAMES,
            permits=10,
            burst=20,
            delay=20,
        ),
        ZonePolicy(name="client_connections", counted=connections, permits=50, beyond=reject),
        ZonePolicy(
            name="credential_connections", scope=Scope.CREDENTIAL, counted=connections, permits=10, beyond=reject
        ),
    )


def kept_defaults(own: Sequence[ZonePolicy]) -> tuple[ZonePolicy, ...]:
    """The default zones that stay in force beside a client's own policy with the zones ``own``.

    A policy is written for messages or bytes, and would else drop the limits that protect the relay and the
    platform's account. It replaces such a limit by a zone of the same name, or by one that counts the same for the
    same scope.
    """
    names = {zone.name for zone in own}
    kinds = {(zone.counted, zone.scope) for zone in own}
    return tuple(
        zone
        for zone in default_zones()
        if zone.counted in PROTECTING and zone.name not in names and (zone.counted, zone.scope) not in kinds
    )
