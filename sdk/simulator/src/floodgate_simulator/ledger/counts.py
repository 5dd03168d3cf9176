"""Exact counts of one thing: a connection, a credential, a channel, or all. Time is passed in."""

from collections import deque


class Counts:
    """Messages, bytes, order and peaks, each in O(1) a message."""

    __slots__ = (
        "_in_second",
        "_recent",
        "_second",
        "bytes",
        "duplicates",
        "messages",
        "missing",
        "order_gaps",
        "over_limit",
        "peak_per_second",
        "peak_sliding_second",
    )

    def __init__(self) -> None:
        """Begin at zero."""
        self._recent: deque[float] = deque()
        self.clear()

    def clear(self) -> None:
        """Begin at zero again."""
        self.messages = self.bytes = 0
        self.order_gaps = self.missing = self.duplicates = self.over_limit = 0
        self.peak_per_second = self.peak_sliding_second = 0
        self._second = -1
        self._in_second = 0
        self._recent.clear()

    def add(self, size: int, at: float) -> None:
        """Count one message of ``size`` bytes at Unix time ``at``, which may repeat but never runs backwards."""
        self.messages += 1
        self.bytes += size
        second = int(at)
        if second != self._second:
            self._second = second
            self._in_second = 0
        self._in_second += 1
        self.peak_per_second = max(self.peak_per_second, self._in_second)
        recent = self._recent
        recent.append(at)
        while recent[0] <= at - 1.0:
            recent.popleft()
        self.peak_sliding_second = max(self.peak_sliding_second, len(recent))

    def rest(self) -> None:
        """Give back the memory that only further messages would need."""
        self._recent.clear()

    def merge(self, other: "Counts") -> None:
        """Add what ``other`` counted; a peak is the higher of the two."""
        for name in ("messages", "bytes", "order_gaps", "missing", "duplicates", "over_limit"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.peak_per_second = max(self.peak_per_second, other.peak_per_second)
        self.peak_sliding_second = max(self.peak_sliding_second, other.peak_sliding_second)

    def as_json(self) -> dict[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in self.__slots__ if not name.startswith("_")}
