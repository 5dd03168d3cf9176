"""The two shapes of a platform's limit: a steady rate with a burst, and a fixed window. Neither reads a clock."""

from dataclasses import dataclass

SECOND_NS = 1_000_000_000


class RateLimit:
    """A rate in messages a second and a burst; at rest, burst + 1 are admitted at once (GCRA)."""

    __slots__ = ("_burst_ns", "_interval_ns", "_theoretical_arrival_ns")

    def __init__(self, messages_per_second: float, burst: int) -> None:
        """Begin at rest; the rate must be above zero."""
        # Rounded up, so that the rate is never exceeded.
        self._interval_ns = -int(-SECOND_NS // messages_per_second)
        self._burst_ns = self._interval_ns * burst
        self._theoretical_arrival_ns = 0

    def admit(self, now_ns: int) -> int:
        """Charge one message and answer 0, or answer in how many nanoseconds one will be admitted."""
        excess_ns = self._theoretical_arrival_ns - now_ns
        if excess_ns > self._burst_ns:
            return excess_ns - self._burst_ns
        self._theoretical_arrival_ns = max(self._theoretical_arrival_ns, now_ns) + self._interval_ns
        return 0


@dataclass(frozen=True, slots=True)
class WindowState:
    """One request's place in its window, as Genesys' ``inin-ratelimit-*`` headers tell it."""

    count: int
    allowed: int
    reset_seconds: int

    @property
    def is_over(self) -> bool:
        """Whether this request is one too many."""
        return self.count > self.allowed


class FixedWindow:
    """So many requests in a window that begins with its first request (platforms: 3.1)."""

    __slots__ = ("_allowed", "_begins_at", "_count", "_length_seconds")

    def __init__(self, allowed: int, length_seconds: int = 60) -> None:
        """Begin with no window open."""
        self._allowed = allowed
        self._length_seconds = length_seconds
        self._begins_at = float("-inf")
        self._count = 0

    def charge(self, now: float) -> WindowState:
        """Count one request at ``now`` (seconds), refused ones too."""
        if now - self._begins_at >= self._length_seconds:
            self._begins_at = now
            self._count = 0
        self._count += 1
        remaining = self._begins_at + self._length_seconds - now
        return WindowState(self._count, self._allowed, max(1, -int(-remaining // 1)))
