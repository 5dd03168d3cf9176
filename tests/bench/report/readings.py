"""What was measured: one number per contestant, metric, situation and round; medians and ratios of them. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from operator import sub, truediv
from statistics import median


class Readings:
    """The numbers of a run.

    Ratios and differences are taken within each round, where both sides met the same noise; their median is over the
    rounds.
    """

    def __init__(self) -> None:
        self._rounds: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)

    def add(self, contestant: str, situation: str, metrics: Mapping[str, float]) -> None:
        """Keep what one window measured."""
        for metric, value in metrics.items():
            self._rounds[contestant, metric, situation].append(value)

    def latest(self, contestant: str, metric: str, situation: str) -> float | None:
        """The number of the present round, if there is one."""
        rounds = self._rounds.get((contestant, metric, situation))
        return rounds[-1] if rounds else None

    def median(self, contestant: str, metric: str, situation: str) -> float | None:
        """The median over the rounds, if it was measured."""
        rounds = self._rounds.get((contestant, metric, situation))
        return median(rounds) if rounds else None

    def ratio(self, contestant: str, other: str, metric: str, situation: str) -> float | None:
        """The median of ``contestant / other``, if both were measured."""
        return self._compared(truediv, contestant, other, metric, situation)

    def difference(self, contestant: str, other: str, metric: str, situation: str) -> float | None:
        """The median of ``contestant - other``, if both were measured."""
        return self._compared(sub, contestant, other, metric, situation)

    def as_document(self) -> list[dict[str, object]]:
        """Every number, for programs."""
        return [
            {
                "contestant": contestant,
                "metric": metric,
                "situation": situation,
                "median": median(rounds),
                "rounds": rounds,
            }
            for (contestant, metric, situation), rounds in self._rounds.items()
        ]

    def _compared(
        self, operation: Callable[[float, float], float], contestant: str, other: str, metric: str, situation: str
    ) -> float | None:
        ours = self._rounds.get((contestant, metric, situation), [])
        theirs = self._rounds.get((other, metric, situation), [])
        pairs = [(left, right) for left, right in zip(ours, theirs, strict=False) if operation is sub or right]
        return median(operation(left, right) for left, right in pairs) if pairs else None
