"""Senders that share zones and wait in line, as relay/throttle/lines.py does it, in a time that is passed in."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import accumulate, count, cycle

from relay.throttle.limiter import Limiter
from relay.throttle.policy import ZonePolicy
from relay.throttle.verdict import PASS, Action, Verdict
from relay.throttle.zone import Zone


@dataclass(eq=False, slots=True)
class Sender:
    """A connection: it has one message judged at a time, and its next one when that has gone on."""

    limiter: Limiter
    comes_at_ns: deque[int] = field(default_factory=deque)
    arrived_ns: int = 0
    throttled_since_ns: int = 0
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class Departure:
    """A message that was written: when, and whose."""

    at_ns: int
    arrived_ns: int
    sender: Sender


class Lines:
    """One line a zone; whoever is first in it asks again when the zone has room, or somewhat later."""

    def __init__(self, late_by_ns: Sequence[int] = (0,)) -> None:
        """Wake each time later than is right by the next of ``late_by_ns``, over and over."""
        self.departures: list[Departure] = []
        self._late_by_ns = cycle(late_by_ns)
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self._numbers = count()
        self._lines: dict[Zone, deque[Sender]] = {}

    def run(self, senders: Iterable[Sender]) -> list[Departure]:
        """Let all messages of ``senders`` come, wait and go; those of a closed sender don't."""
        for sender in senders:
            self._expect_next(sender, 0)
        while self._agenda:
            now_ns, _, step = heappop(self._agenda)
            step(now_ns)
        return self.departures

    def _expect_next(self, sender: Sender, now_ns: int) -> None:
        if sender.comes_at_ns:
            self._plan(max(now_ns, sender.comes_at_ns.popleft()), lambda at_ns: self._judge(sender, at_ns))

    def _judge(self, sender: Sender, now_ns: int) -> None:
        sender.arrived_ns = now_ns
        verdict = sender.limiter.admit(now_ns)
        if verdict is PASS:
            sender.throttled_since_ns = 0
        self._follow(sender, verdict, now_ns)

    def _ask_again(self, sender: Sender, now_ns: int) -> None:
        verdict = sender.limiter.admit_waiting(now_ns, 0, sender.arrived_ns, sender.throttled_since_ns)
        self._follow(sender, verdict, now_ns)

    def _follow(self, sender: Sender, verdict: Verdict, now_ns: int) -> None:
        if verdict is PASS:
            self.departures.append(Departure(now_ns, sender.arrived_ns, sender))
            self._expect_next(sender, now_ns)
        elif verdict.action is Action.CLOSE:
            sender.is_closed = True
        else:
            sender.throttled_since_ns = sender.throttled_since_ns or now_ns
            self._join(sender, now_ns)

    def _join(self, sender: Sender, now_ns: int) -> None:
        zone = sender.limiter.deciding_zone
        assert isinstance(zone, Zone)
        if zone not in self._lines:
            self._lines[zone] = deque()
            zone.close_gate()
            self._plan_wake(zone, now_ns)
        self._lines[zone].append(sender)

    def _wake(self, zone: Zone, now_ns: int) -> None:
        line = self._lines[zone]
        for _ in range(len(line)):
            if not zone.has_room(now_ns):
                break
            sender = line.popleft()
            self._ask_again(sender, now_ns)
        if line:
            self._plan_wake(zone, now_ns)
            return
        del self._lines[zone]
        zone.open_gate()

    def _plan_wake(self, zone: Zone, now_ns: int) -> None:
        at_ns = max(now_ns, zone.opens_at_ns()) + next(self._late_by_ns)
        self._plan(at_ns, lambda woken_ns: self._wake(zone, woken_ns))

    def _plan(self, at_ns: int, step: Callable[[int], None]) -> None:
        heappush(self._agenda, (at_ns, next(self._numbers), step))


def bound_is_kept(policy: ZonePolicy, departures_ns: Iterable[int], *, ahead: int) -> bool:
    """Tell whether every stretch d of time carried at most floor(rate x d) + ``ahead`` + 1.

    In whole numbers, for every i < j: (j - i) x period <= (departure j - departure i) x permits + ahead x period.
    """
    leads = [number * policy.period_ns - at_ns * policy.permits for number, at_ns in enumerate(departures_ns)]
    return all(
        lead - least <= ahead * policy.period_ns for lead, least in zip(leads, accumulate(leads, min), strict=True)
    )


def flooded(limiter: Limiter, messages: int) -> Limiter:
    """``limiter``, after so many messages at 0."""
    for _ in range(messages):
        limiter.admit(now_ns=0)
    return limiter


def ask_again(limiter: Limiter, now_ns: int, arrived_ns: int = 0, throttled_since_ns: int = 0) -> Verdict:
    """Ask for a message without a size."""
    return limiter.admit_waiting(now_ns, 0, arrived_ns, throttled_since_ns)


def admitted_so_far(limiter: Limiter, arrivals: list[int]) -> list[int]:
    """How many were admitted, at once or later, up to each arrival."""
    return list(accumulate(limiter.admit(now_ns).action <= Action.WAIT for now_ns in arrivals))
