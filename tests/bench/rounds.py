"""What is measured, in which order: all contestants in turn within each situation, with fresh processes each round."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

from tests.bench.contestants.contestant import PLAIN, TLS
from tests.bench.contestants.lineup import Build
from tests.bench.decision import decision
from tests.bench.ground.ground import Ground
from tests.bench.ground.program import running
from tests.bench.report.readings import Readings
from tests.bench.windows import Started

SHAPES = ((16, 16), (16, 1), (400, 1))  # connections, messages in flight on each
COMPARED = SHAPES[:2]  # those with bars
CLOSEST = ("nginx", "ours")
STOCK = ("daphne", "uvicorn")
ALONE = (*STOCK, "direct")  # no ratio of a few hundredths is taken with them: one window is enough
_STOCK_SHARE = 0.5  # of windows and idle connections: a stock relay is slow at both, and as exact with fewer

Measure = Callable[[Started], dict[str, float]]
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    seconds: float = 1.0
    idle_connections: int = 1000


@dataclass(frozen=True, slots=True)
class Round:
    """One round over started contestants. In each situation all have their turn before the next situation begins."""

    started: Sequence[Started]
    readings: Readings
    plan: Plan
    report: Report

    def measure(self) -> None:
        """Memory first, while the processes are fresh; pace last, since it follows from the throughput."""
        relays = [one for one in self.started if one.session_id]
        self._hold(relays, PLAIN)
        self._hold(relays, TLS)
        for connections, in_flight in SHAPES:
            self._carry(self.started, PLAIN, connections, in_flight)
            self._carry(relays, TLS, connections, in_flight)
        self._greet()
        self._pace([one for one in self.started if one.name not in STOCK])

    def _hold(self, among: Sequence[Started], upstream: str) -> None:
        connections = self.plan.idle_connections // (2 if upstream == TLS else 1)  # each takes longer to open
        self._in_turn(among, upstream, lambda one: one.hold(upstream, int(connections * _share(one))))

    def _carry(self, among: Sequence[Started], upstream: str, connections: int, in_flight: int) -> None:
        """Windows to and fro where there is a bar: who was first is last the second time.

        A machine that grows slower or faster meanwhile then favours nobody. Only the closest bars need whole windows.
        """
        is_compared = (connections, in_flight) in COMPARED
        measured: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
        for one in [*among, *(_to_and_fro(among, upstream) if is_compared else [])]:
            is_close = is_compared and upstream == PLAIN and one.name in CLOSEST
            seconds = self.plan.seconds * (1 if is_close else _share(one) / 2)
            measured[one.name].append(one.carry(upstream, connections, in_flight, seconds))
        for one in among:
            self._note(one, f"{connections}x{in_flight} {upstream}", _medians(measured[one.name]))

    def _greet(self) -> None:
        self._in_turn(self.started, PLAIN, lambda one: one.greet(PLAIN, self.plan.seconds))

    def _pace(self, among: Sequence[Started]) -> None:
        pace = self._half_load(among)
        if pace:
            self._in_turn(among, PLAIN, lambda one: one.pace(PLAIN, pace, self.plan.seconds))

    def _half_load(self, among: Sequence[Started]) -> float:
        """Half of what ours carried in this round at 16x1; without ours, half of what the slowest carried."""
        carried = {one.name: self.readings.latest(one.name, "messages_per_second", "16x1 plain") for one in among}
        known = [rate for rate in carried.values() if rate]
        return (carried.get("ours") or min(known, default=0.0)) / 2

    def _in_turn(self, among: Sequence[Started], situation: str, measure: Measure) -> None:
        for one in among:
            self._note(one, situation, measure(one))

    def _note(self, one: Started, situation: str, metrics: dict[str, float]) -> None:
        self.readings.add(one.name, situation, metrics)
        figures = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self.report(f"{situation}, {one.name}: {figures}")


def _to_and_fro(among: Sequence[Started], upstream: str) -> list[Started]:
    """The turns after the first: back, and once more there and back for the two between whom the closest bars are."""
    back = [one for one in reversed(among) if one.name not in ALONE]
    closest = [one for one in back if one.name in CLOSEST and upstream == PLAIN]
    return [*back, *reversed(closest), *closest]


def _medians(windows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {metric: median(window[metric] for window in windows) for metric in windows[0]}


def _share(one: Started) -> float:
    return _STOCK_SHARE if one.name in STOCK else 1


def measure_rounds(ground: Ground, builds: Mapping[str, Build], plan: Plan, report: Report) -> Readings:
    """Run all rounds. Who goes first changes from round to round."""
    readings = Readings()
    for number in range(plan.rounds):
        first, in_order = number % len(builds), list(builds.values())
        with _started(ground, [*in_order[first:], *in_order[:first]]) as started:
            report(f"Round {number + 1} of {plan.rounds}")
            Round(started, readings, plan, report).measure()
        if "ours" in builds:
            readings.add("ours", "five zones", decision())
    return readings


@contextmanager
def _started(ground: Ground, builds: Sequence[Build]) -> Iterator[list[Started]]:
    with ExitStack() as stack:
        started = []
        for build in builds:
            contestant = build(ground)
            session_id = stack.enter_context(running(contestant.program)) if contestant.program else 0
            started.append(Started(contestant, session_id))
        yield started
