"""One limit and its state: a GCRA bucket. Knows no clock and no other zone: limiter.py combines them."""

from relay.throttle.policy import Counted, ZonePolicy, ZoneSource

AT_REST = -(1 << 62)  # before any time that is passed in, and any credit
CLOSED = 2 * AT_REST  # a gate that no excess passes, not even that of a zone at rest

PLENTY, PLENTY_BYTES = 64, 65_536  # permits for each who waits: more than fairness is about


class Zone:
    """A bucket of permits, kept as one theoretical arrival time (GCRA: ITU-T I.371; burst and delay as in nginx).

    Attributes:
        theoretical_arrival_ns: when the bucket will be full again; its lead over now is the excess.
        interval_ns: what one message costs, rounded up, so that the rate is never exceeded.
        delay_ns: excess up to which all passes at once.
        burst_ns: excess up to which a zone that rejects still lets wait.
        gate_ns: ``delay_ns``, or closed to newcomers while others wait in line for this zone.
        run_gate_ns: what the last of several newcomers may leave behind: its own cost more.
        source: which version of which policy it follows; episodes of throttling name it.
    """

    _LIMIT = "burst_ns", "delay_ns", "gate_ns", "interval_ns", "policy", "run_gate_ns", "source"
    __slots__ = ("__weakref__", *_LIMIT, "theoretical_arrival_ns")

    def __init__(self, policy: ZonePolicy) -> None:
        """Begin at rest: the bucket is full."""
        self.theoretical_arrival_ns = AT_REST
        self.source = ZoneSource("", 0, policy.name)
        self._follow(policy)

    def cost_ns(self, size_bytes: int) -> int:
        """Time that one message of ``size_bytes`` takes from the bucket, rounded up once."""
        if self.policy.counted is Counted.BYTES:
            return -(-size_bytes * self.policy.period_ns // self.policy.permits)
        return self.interval_ns

    def excess_ns(self, now_ns: int) -> int:
        """How far the bucket is ahead of its rate; never negative."""
        return max(0, self.theoretical_arrival_ns - now_ns)

    def has_room(self, now_ns: int, _size_bytes: int = 0) -> bool:
        """Tell whether the first in line may go on, whatever its size."""
        return self.theoretical_arrival_ns - now_ns <= self.delay_ns

    def has_plenty(self, now_ns: int, waiting: int) -> bool:
        """Tell whether so many who wait may go on with all that came behind: nobody need be held to one at a time."""
        is_bytes = self.policy.counted is Counted.BYTES
        wanted_ns = self.cost_ns(waiting * PLENTY_BYTES) if is_bytes else waiting * PLENTY * self.interval_ns
        return self.theoretical_arrival_ns - now_ns + wanted_ns <= self.delay_ns

    def holds_back(self, _now_ns: int) -> bool:
        """Tell whether it is this limit that a message waits for: always, where nobody must be asked."""
        return True

    def wait_ns(self, now_ns: int) -> int:
        """How long the first in line must wait; 0 where it has room."""
        return max(0, self.opens_at_ns() - now_ns)

    def opens_at_ns(self) -> int:
        """When the first in line may go on, on the clock that was passed in."""
        return self.theoretical_arrival_ns - self.delay_ns

    def charge(self, cost_ns: int, arrival_ns: int) -> None:
        """Take permits for a message that arrived at ``arrival_ns``."""
        self.theoretical_arrival_ns = max(self.theoretical_arrival_ns, arrival_ns) + cost_ns

    def close_gate(self) -> None:
        """Send newcomers to the end of the line: somebody waits."""
        self._set_gate(CLOSED)

    def open_gate(self) -> None:
        """Judge newcomers by the bucket again: nobody waits."""
        self._set_gate(self.delay_ns)

    def adopt(self, policy: ZonePolicy, now_ns: int) -> None:
        """Go on under another version of the policy. What was spent stays spent, up to the new burst."""
        gate_is_closed = self.gate_ns == CLOSED
        self._follow(policy)
        if gate_is_closed:
            self.close_gate()
        largest_ns = now_ns + self.burst_ns + self.interval_ns
        self.theoretical_arrival_ns = min(self.theoretical_arrival_ns, largest_ns)

    def _follow(self, policy: ZonePolicy) -> None:
        self.policy = policy
        if policy.counted is Counted.BYTES:
            self.interval_ns = 0
            self.delay_ns = policy.delay * policy.period_ns // policy.permits
            self.burst_ns = policy.burst * policy.period_ns // policy.permits
        else:
            self.interval_ns = -(-policy.period_ns // policy.permits)
            self.delay_ns = policy.delay * self.interval_ns
            self.burst_ns = policy.burst * self.interval_ns
        self.open_gate()

    def _set_gate(self, gate_ns: int) -> None:
        self.gate_ns, self.run_gate_ns = gate_ns, gate_ns + self.interval_ns
