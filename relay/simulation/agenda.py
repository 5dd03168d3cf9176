"""A clock that goes from one thing that is planned to the next, without a moment in between."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

from relay.throttle.lines import Lines, Waiter

Step: TypeAlias = Callable[[], None]


class Plan:
    """Something that is to happen at ``at_ns``, unless it is cancelled."""

    __slots__ = ("at_ns", "step")

    def __init__(self, at_ns: int, step: Step) -> None:
        """Plan ``step``."""
        self.at_ns = at_ns
        self.step: Step | None = step

    def cancel(self) -> None:
        """Have nothing happen."""
        self.step = None


class Agenda:
    """What is planned, by time; of what has one time, what was planned first comes first.

    Attributes:
        now_ns: what time it is.
    """

    def __init__(self, now_ns: int) -> None:
        """Begin at ``now_ns`` with nothing planned."""
        self.now_ns = now_ns
        self._planned: list[tuple[int, int, Plan]] = []
        self._numbers = count()

    def plan(self, at_ns: int, step: Step) -> Plan:
        """Have ``step`` happen at ``at_ns``, or now where that is past."""
        plan = Plan(max(at_ns, self.now_ns), step)
        heappush(self._planned, (plan.at_ns, next(self._numbers), plan))
        return plan

    def go_to(self, at_ns: int) -> None:
        """Have all happen that is planned before ``at_ns``; what is planned for that very time follows what comes."""
        while self._planned and self._planned[0][0] < at_ns:
            self.go_on()
        self.now_ns = max(self.now_ns, at_ns)

    def go_on(self) -> bool:
        """Have the next thing happen; tell whether there was one."""
        if not self._planned:
            return False
        self.now_ns, _, plan = heappop(self._planned)
        if plan.step is not None:
            plan.step()
        return True


def lines_on(agenda: Agenda) -> Lines[Waiter]:
    """The lines of those who wait, in the time of ``agenda``; what goes wrong with one of them ends the simulation."""
    return Lines(lambda at_ns, step: agenda.plan(at_ns, lambda: step(agenda.now_ns)), _raise)


def _raise(_waiter: Waiter, error: Exception) -> None:
    raise error
