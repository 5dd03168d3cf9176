"""The lines of those who wait for zones: in which order, for how long, and for how much. Knows no clock and no loop.

The relay and the simulation run the same lines: relay/splicing/waiting.py on the loop's timers, relay/simulation on an
agenda in virtual time.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from relay.throttle.leases import NOBODY, LeasedZone, Standing
from relay.throttle.limiter import AnyZone
from relay.throttle.lots import FAR_NS
from relay.throttle.policy import SECOND_NS, Beyond, Counted

PACING_QUANTUM_NS = 2_000_000  # all that is due goes in one turn: uvloop's timers are true to a millisecond only
BREAK_NS = 10_000_000  # nothing came for so long after what waited had gone on: the next wait is another one
MOST_A_TURN = 128  # messages that go on one by one, where so many are due at once
MOST_STALE = 64  # entries of those who have left, beyond as many as stand in line, before a heap is made anew


class Waiter(Protocol):
    """Somebody with one message that must wait.

    Attributes:
        throttled_since_ns: since when it waits for a rate without a break; 0 while it only waits for an answer.
    """

    throttled_since_ns: int

    @property
    def held_bytes(self) -> int:
        """The size of its message."""

    @property
    def held_since_ns(self) -> int:
        """When its message was first judged."""

    def ask_again(self, now_ns: int) -> None:
        """Judge the message once more; it has left the line, and joins the end of one if it must wait again."""

    def count_if_throttled(self, now_ns: int) -> None:
        """Count the message from now on if its zone's rate holds it back, and not only an answer that is to come."""


class Timer(Protocol):
    """Something that was planned."""

    def cancel(self) -> None:
        """Have nothing happen."""


Step: TypeAlias = Callable[[int], None]  # is given what time it is, in nanoseconds
Planning: TypeAlias = Callable[[int, Step], Timer]  # has a step happen at a time, or somewhat later
W = TypeVar("W", bound=Waiter)
Entry: TypeAlias = tuple[int, int, W]  # since when, a number of its own, and who


class Place(NamedTuple):
    """What a waiter stands in line with."""

    size_bytes: int
    since_ns: int


@dataclass(slots=True, eq=False)
class Line(Generic[W]):
    """One zone's line.

    Attributes:
        places: who stands in it, the first one first. An OrderedDict: a dict is slow to tell its first key once many
            before it have gone.
        size_bytes: of all messages together.
        uncounted: those of them who only wait for an answer.
        closing: a heap of when each began to wait, for a zone that closes on them; some entries may be out of date.
        timer: what will wake the line, at ``wakes_at_ns``.
    """

    places: OrderedDict[W, Place] = field(default_factory=OrderedDict)
    size_bytes: int = 0
    uncounted: dict[W, None] = field(default_factory=dict)
    closing: list[Entry[W]] | None = None
    timer: Timer | None = None
    wakes_at_ns: int = 0

    def add(self, waiter: W) -> None:
        """Put ``waiter`` at the end."""
        self.remove(waiter)
        place = self.places[waiter] = Place(waiter.held_bytes, waiter.held_since_ns)
        self.size_bytes += place.size_bytes

    def remove(self, waiter: W) -> None:
        """Take ``waiter`` out, if it stands here."""
        place = self.places.pop(waiter, None)
        if place is not None:
            self.size_bytes -= place.size_bytes
            self.uncounted.pop(waiter, None)

    def first(self) -> tuple[W, Place]:
        """Who has stood here for longest."""
        waiter = next(iter(self.places))
        return waiter, self.places[waiter]

    def cancel_timer(self) -> None:
        """Wake the line no more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Lines(Generic[W]):
    """One line a zone. While somebody stands in it the zone's gate is closed, so that nobody overtakes.

    What goes wrong with one waiter is that one's alone: it has left its line, ``failing`` is told, and the line goes
    on.
    """

    def __init__(self, planning: Planning, failing: Callable[[W, Exception], None]) -> None:
        """Wake lines by ``planning``; tell ``failing`` of each waiter that raised an exception, and of which."""
        self._planning = planning
        self._failing = failing
        self._lines: dict[AnyZone, Line[W]] = {}
        self._numbers = count()

    def __len__(self) -> int:
        """How many wait."""
        return sum(len(line.places) for line in self._lines.values())

    def join(self, zone: AnyZone, waiter: W, now_ns: int) -> None:
        """Put ``waiter`` at the end of the line for ``zone``. O(1), but for the heap of a zone that closes."""
        line = self._lines.get(zone)
        if line is None:
            line = self._lines[zone] = Line()
            zone.close_gate()
        line.add(waiter)
        if zone.holds_back(now_ns):
            self._count(zone, line, waiter, now_ns)
        else:
            line.uncounted[waiter] = None
            self._note_closing(line, waiter)
        self._keep_timer(zone, now_ns)

    def leave(self, zone: AnyZone, waiter: W) -> None:
        """Give up the place, if there is one. O(1)."""
        line = self._lines.get(zone)
        if line is not None:
            line.remove(waiter)
            self._end_if_empty(zone, line)

    def standing(self, zone: LeasedZone) -> Standing:
        """How many permits those in line for ``zone`` need, the first one and all together. O(1)."""
        line = self._lines.get(zone)
        if line is None:
            return NOBODY
        _, first = line.first()
        permits = line.size_bytes if zone.policy.counted is Counted.BYTES else len(line.places)
        return Standing(zone.permits_for(first.size_bytes), permits, first.since_ns)

    def wake(self, zone: AnyZone, now_ns: int) -> None:
        """Ask those in line for ``zone`` again: an answer came. Those who must wait on are throttled from now on."""
        line = self._lines.get(zone)
        if line is None:
            return
        line.cancel_timer()
        self._go_on(zone, now_ns)
        line = self._lines.get(zone)
        if line is None or not zone.holds_back(now_ns):
            return
        uncounted, line.uncounted = line.uncounted, {}
        try:
            for waiter in uncounted:
                self._count(zone, line, waiter, now_ns)
        finally:
            self._keep_timer(zone, now_ns)  # it may close those who are throttled from now on

    def _go_on(self, zone: AnyZone, now_ns: int) -> None:
        try:
            self._ask_overdue(zone, now_ns)
            line = self._lines.get(zone)
            if line is not None and zone.has_plenty(now_ns, len(line.places)):
                self._ask_all(zone, line, now_ns)
            else:
                self._ask_one_by_one(zone, now_ns)
        finally:  # whatever happened to those who were asked, the others stand in line
            self._keep_timer(zone, now_ns)

    def _ask_overdue(self, zone: AnyZone, now_ns: int) -> None:
        """Ask those on whom the zone closes now, which may be before their turn."""
        line = self._lines.get(zone)
        overdue: list[W] = []
        while line is not None and self._closes_at_ns(zone, line) <= now_ns and line.closing:
            overdue.append(heappop(line.closing)[2])
        for waiter in dict.fromkeys(overdue):
            if line is not None and waiter in line.places:  # nobody's end has taken it out
                self._ask(zone, waiter, now_ns)

    def _ask_all(self, zone: AnyZone, line: Line[W], now_ns: int) -> None:
        """End the line, and then ask: or each would go to the end of the line again, with its next message."""
        waiters = list(line.places)
        line.places.clear()
        self._end_if_empty(zone, line)
        for waiter in waiters:
            self._alone(waiter, waiter.ask_again, now_ns)

    def _ask_one_by_one(self, zone: AnyZone, now_ns: int) -> None:
        """Ask the first as long as there is room, and no more than so many: nobody keeps the loop."""
        line = self._lines.get(zone)
        for _ in range(max(MOST_A_TURN, len(line.places) if line is not None else 0)):
            line = self._lines.get(zone)
            if line is None:
                break
            waiter, place = line.first()
            if not zone.has_room(now_ns, place.size_bytes):
                break
            self._ask(zone, waiter, now_ns)

    def _ask(self, zone: AnyZone, waiter: W, now_ns: int) -> None:
        self.leave(zone, waiter)
        self._alone(waiter, waiter.ask_again, now_ns)

    def _count(self, zone: AnyZone, line: Line[W], waiter: W, now_ns: int) -> None:
        if waiter in line.places and not self._alone(waiter, waiter.count_if_throttled, now_ns):
            self.leave(zone, waiter)
        if waiter in line.places:  # counting it did not end it
            self._note_closing(line, waiter)

    def _alone(self, waiter: W, step: Step, now_ns: int) -> bool:
        """Have ``waiter`` do something; tell whether it could. All others go on."""
        try:
            step(now_ns)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not become the others'
            self._failing(waiter, error)
            return False
        return True

    def _keep_timer(self, zone: AnyZone, now_ns: int) -> None:
        line = self._lines.get(zone)
        if line is not None:
            self._set_timer(zone, line, now_ns)

    def _set_timer(self, zone: AnyZone, line: Line[W], now_ns: int) -> None:
        due_ns = min(zone.opens_at_ns(), self._closes_at_ns(zone, line))
        if due_ns >= FAR_NS:
            return  # an answer wakes the line
        at_ns = max(due_ns, now_ns + PACING_QUANTUM_NS)
        if line.timer is not None and line.wakes_at_ns <= at_ns + PACING_QUANTUM_NS:
            return
        line.cancel_timer()  # it was set under another version of the policy: the line may go on sooner now
        line.wakes_at_ns = at_ns
        line.timer = self._planning(at_ns, lambda woken_ns: self._woken(zone, line, woken_ns))

    def _woken(self, zone: AnyZone, line: Line[W], now_ns: int) -> None:
        line.timer = None
        self._go_on(zone, now_ns)

    def _closes_at_ns(self, zone: AnyZone, line: Line[W]) -> int:
        """When the zone closes on the one who has been throttled for longest; ``FAR_NS`` where it closes on nobody."""
        if zone.policy.beyond is not Beyond.CLOSE:
            line.closing = None
            return FAR_NS
        if line.closing is None or len(line.closing) > 2 * len(line.places) + MOST_STALE:
            line.closing = [(one.throttled_since_ns, next(self._numbers), one) for one in line.places]
            heapify(line.closing)
        while line.closing and not _is_current(line, line.closing[0]):
            heappop(line.closing)
        if not line.closing:
            return FAR_NS
        return line.closing[0][0] + zone.policy.close_after_waiting_seconds * SECOND_NS

    def _note_closing(self, line: Line[W], waiter: W) -> None:
        if line.closing is not None:
            heappush(line.closing, (waiter.throttled_since_ns, next(self._numbers), waiter))

    def _end_if_empty(self, zone: AnyZone, line: Line[W]) -> None:
        if not line.places:
            del self._lines[zone]
            zone.open_gate()
            line.cancel_timer()


def _is_current(line: Line[W], entry: Entry[W]) -> bool:
    since_ns, _, waiter = entry
    return bool(since_ns) and waiter.throttled_since_ns == since_ns and waiter in line.places
