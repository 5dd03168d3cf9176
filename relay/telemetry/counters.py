"""Counts in memory what flows, was held back and was refused. Sums only: flush.py carries them away once a second."""

from bisect import bisect_left
from collections import Counter
from typing import NamedTuple

from relay.throttle.policy import ZoneSource

HELD_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
NS_PER_MS = 1_000_000


class Flow(NamedTuple):
    """Whose traffic a counter counts."""

    tenant: str
    client: str
    channel: str
    direction: str


class ThrottleKey(NamedTuple):
    """Whose traffic on which channel was held back, and by which zone. Of nobody, as long as no token was read."""

    tenant: str
    client: str
    channel: str
    source: ZoneSource


class ThrottleCounter:
    """What one zone did to one client's traffic on one channel, since the process began. All times are monotonic.

    Attributes:
        waited: messages and handshakes that were told to wait.
        waiting: those of them that wait now.
        held_ns: for how long those that wait no more have waited, added up.
        refused: handshakes that were refused.
        closed: connections that were closed because they had waited for too long.
        first_ns: when the zone first did something since somebody last took the times; 0: it did nothing.
        last_ns: when it last did.
    """

    __slots__ = ("closed", "first_ns", "held_ns", "last_ns", "refused", "waited", "waiting")

    def __init__(self) -> None:
        """Begin at nothing."""
        self.waited = self.waiting = self.held_ns = self.refused = self.closed = 0
        self.first_ns = self.last_ns = 0

    def hold(self, now_ns: int) -> None:
        """Count one that must wait."""
        self.waited += 1
        self.waiting += 1
        self._acted(now_ns)

    def let_go(self, arrived_ns: int, now_ns: int) -> None:
        """Count one that waits no more."""
        self.waiting -= 1
        self.held_ns += now_ns - arrived_ns
        self._acted(now_ns)

    def refuse(self, now_ns: int) -> None:
        """Count one that was refused."""
        self.refused += 1
        self._acted(now_ns)

    def close(self, now_ns: int) -> None:
        """Count a connection that was closed."""
        self.closed += 1
        self._acted(now_ns)

    def _acted(self, now_ns: int) -> None:
        self.first_ns = self.first_ns or now_ns
        self.last_ns = now_ns


class TrafficCounter:
    """What one client sent on one channel in one direction, since the process began.

    Attributes:
        messages: all that went on; the splice adds to it, run by run.
        waited: those of them that were held back first.
        waiting: how many are held back now.
    """

    __slots__ = ("_held_back", "bytes", "control_frames", "messages", "waited", "waiting")

    def __init__(self) -> None:
        """Begin at nothing."""
        self.messages = 0
        self.bytes = 0
        self.control_frames = 0
        self.waited = 0
        self.waiting = 0
        self._held_back = [0] * (len(HELD_BOUNDS_MS) + 1)

    @property
    def held(self) -> list[int]:
        """Messages by how long they were held: a bucket for each of ``HELD_BOUNDS_MS``, and one for all that is longer.

        What was not held back went on in the turn in which it came, and counts in the first.
        """
        return [self._held_back[0] + self.messages - self.waited, *self._held_back[1:]]

    def passed_after(self, held_ns: int, *, was_throttled: bool = True) -> None:
        """Count a message that was held back first, or that only waited for Redis' answer."""
        self.messages += 1
        if was_throttled:
            self.waited += 1
            self._held_back[bisect_left(HELD_BOUNDS_MS, held_ns / NS_PER_MS)] += 1


class PlatformFaults:
    """What went wrong with platforms, since the process began. Every key is one of a few words.

    Attributes:
        dns_failures: lookups of a platform's host that brought no address to connect to, by reason.
        tls_errors: TLS handshakes that failed, by reason.
        timeouts: what was not waited for any longer, by phase.
        protocol_errors: what made no sense, by phase.
    """

    __slots__ = ("dns_failures", "protocol_errors", "timeouts", "tls_errors")

    def __init__(self) -> None:
        """Begin at nothing."""
        self.dns_failures: Counter[str] = Counter()
        self.tls_errors: Counter[str] = Counter()
        self.timeouts: Counter[str] = Counter()
        self.protocol_errors: Counter[str] = Counter()


class Counters:
    """All that one relay process counts. Keys are bounded by the clients and channels that exist."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.traffic: dict[Flow, TrafficCounter] = {}
        self.open_connections: Counter[tuple[str, str]] = Counter()  # by tenant and client
        self.handshakes: Counter[tuple[str, str, str]] = Counter()  # by tenant, client and result
        self.closes: Counter[tuple[str, int]] = Counter()  # by who ended it and code
        self.aborted = 0  # connections whose ends never came
        self.throttles: dict[ThrottleKey, ThrottleCounter] = {}
        self.platform_faults = PlatformFaults()

    def flow(self, flow: Flow) -> TrafficCounter:
        """The counter of one flow."""
        counter = self.traffic.get(flow)
        if counter is None:
            counter = self.traffic[flow] = TrafficCounter()
        return counter

    def throttle(self, key: ThrottleKey) -> ThrottleCounter:
        """The counter of what one zone holds back."""
        counter = self.throttles.get(key)
        if counter is None:
            counter = self.throttles[key] = ThrottleCounter()
        return counter


def held_quantile_ms(held: list[int], quantile: float) -> float:
    """The bound under which ``quantile`` of the messages were held, in milliseconds; 0 where there are none."""
    total = sum(held)
    seen = 0
    for bound_ms, count in zip((*HELD_BOUNDS_MS, float("inf")), held, strict=True):
        seen += count
        if total and seen >= quantile * total:
            return bound_ms
    return 0.0
