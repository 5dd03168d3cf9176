"""How long messages were under way. Every one is kept, so percentiles are exact. Pure: times are arguments."""

from array import array

_NS_PER_MS = 1e6


class Latencies:
    """The latencies of a window, in nanoseconds."""

    def __init__(self) -> None:
        self._all = array("q")

    def __len__(self) -> int:
        return len(self._all)

    def add(self, latency_ns: int) -> None:
        """Keep one."""
        self._all.append(latency_ns)

    def clear(self) -> None:
        """Forget what came before the window."""
        del self._all[:]

    def percentile_ms(self, percent: float) -> float:
        """The smallest latency that ``percent`` of the messages did not exceed (nearest rank), in milliseconds.

        Raises:
            ValueError: no message came back, so there is none.
        """
        if not self._all:
            raise ValueError("No message came back within the window, so it has no percentiles. Make it longer.")
        ranked = sorted(self._all)
        rank = -(-len(ranked) * percent // 100)
        return ranked[max(int(rank), 1) - 1] / _NS_PER_MS
