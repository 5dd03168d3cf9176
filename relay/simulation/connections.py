"""Open connections in virtual time: each holds one message a direction, as relay/splicing/splice.py does."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from relay.simulation.agenda import Agenda
from relay.simulation.events import ConnectionName, Event, Kind, Outcome, Result, frame_kind, went_on
from relay.throttle.cap import Cap
from relay.throttle.limiter import AnyZone, FrameLimits, SessionLimits
from relay.throttle.lines import BREAK_NS, Lines, Waiter
from relay.throttle.policy import Direction, ZoneSource
from relay.throttle.verdict import PASS, Action

Tell: TypeAlias = Callable[[Outcome], None]


class Side:
    """One direction of a connection.

    Attributes:
        held_by: the zone that held a message last; what stands behind that one waits for it too.
    """

    def __init__(
        self, limits: FrameLimits, agenda: Agenda, lines: Lines[Waiter], tell: Tell, end: Callable[[], None]
    ) -> None:
        """Admit by ``limits`` and ``tell`` what becomes of each; ``end`` is called when the connection must end."""
        self.throttled_since_ns = self.held_bytes = self.held_since_ns = 0
        self._silent_ns = 0  # since when all that came has gone on, after something waited
        self.held_by: ZoneSource | None = None
        self._limits = limits
        self._agenda = agenda
        self._lines = lines
        self._tell = tell
        self._end = end
        self._read: deque[Event] = deque()  # what came in one read with the held one, and is not judged yet
        self._unread: deque[Event] = deque()
        self._held: Event | None = None
        self._zone: AnyZone | None = None
        self._is_open = False

    def receive(self, event: Event) -> None:
        """Judge what came, if nothing stands in front of it."""
        self._unread.append(event)
        self._read_on()

    def begin(self) -> None:
        """Judge what came before the connection was open, and what comes from now on."""
        self._is_open = True
        self._read_on()

    def end(self) -> None:
        """Lose all that has not gone on yet."""
        if self._held is not None and self._zone is not None:
            self._lines.leave(self._zone, self)
        self._is_open = False
        lost = [*([self._held] if self._held is not None else []), *self._read, *self._unread]
        self._held = None
        self._read.clear()
        self._unread.clear()
        for event in lost:
            if event.kind is not Kind.CLOSE:
                self._tell(Outcome(event, Result.CLOSED, self._agenda.now_ns, self.held_by))

    def count_if_throttled(self, now_ns: int) -> None:
        """Note since when it is held back, if it does not only wait for an answer."""
        if self._zone is not None and self._zone.holds_back(now_ns):
            self.throttled_since_ns = self.throttled_since_ns or self.held_since_ns

    def ask_again(self, now_ns: int) -> None:
        """Judge the held message once more: it is first in its line."""
        if (held := self._held) is None:
            return
        limiter, since_ns = self._limits[frame_kind(held)], self.throttled_since_ns or now_ns
        verdict = limiter.admit_waiting(now_ns, held.size_bytes, self.held_since_ns, since_ns)
        if verdict.action is Action.CLOSE:
            self._zone, self.held_by = None, limiter.decided_by.source
            self._end()
        elif verdict is not PASS:
            self._join_line(limiter.decided_by)
        else:
            self._held = self._zone = None
            self._tell(went_on(held, now_ns, self.held_by))
            if self._walk():
                self._agenda.plan(now_ns, self._read_on)

    def _read_on(self) -> None:
        if self._held is not None or not self._is_open:
            return
        if not self._unread:
            self._look_for_break()
            return
        self._read, self._unread = self._unread, deque()
        if self._walk():
            self.throttled_since_ns = 0

    def _look_for_break(self) -> None:
        """All that waited has gone on: the wait has a break if nothing comes for a while."""
        self._silent_ns = silent_ns = self._agenda.now_ns
        if self.throttled_since_ns:
            self._agenda.plan(silent_ns + BREAK_NS, lambda: self._end_wait(silent_ns))

    def _end_wait(self, silent_ns: int) -> None:
        if self._silent_ns == silent_ns and self._held is None:
            self.throttled_since_ns = 0

    def _walk(self) -> bool:
        """Judge what was read, one after the other; false where one must wait or was the last."""
        now_ns = self._agenda.now_ns
        while self._read:
            event = self._read.popleft()
            if event.kind is Kind.CLOSE:
                self._end()
                return False
            limiter = self._limits[frame_kind(event)]
            if limiter.admit(now_ns, event.size_bytes) is not PASS:
                self._hold(event, limiter.decided_by)
                return False
            self._tell(went_on(event, now_ns, self.held_by))
        return True

    def _hold(self, event: Event, zone: AnyZone) -> None:
        self._held, self.held_bytes, self.held_since_ns = event, event.size_bytes, self._agenda.now_ns
        self.held_by = zone.source
        self._join_line(zone)

    def _join_line(self, zone: AnyZone) -> None:
        self._zone = zone
        self._lines.join(zone, self, self._agenda.now_ns)


class Connection:
    """Both directions of a connection, and its places under caps until it ends.

    When a side comes to the client's close, or a zone closes on it, all is over: what waits in the other direction is
    lost as well.
    """

    def __init__(
        self,
        name: ConnectionName,
        limits: SessionLimits,
        caps: Sequence[Cap],
        surroundings: tuple[Agenda, Lines[Waiter], Tell],
        ended: Callable[["Connection"], None],
    ) -> None:
        """Take a place under each of ``caps``; ``ended`` is called once, at the end."""
        self.name = name
        self._caps = caps
        self._ended = ended
        for cap in caps:
            cap.take()
        self._sides = {
            Direction.TO_PLATFORM: Side(limits.to_platform, *surroundings, self.end),
            Direction.TO_CLIENT: Side(limits.to_client, *surroundings, self.end),
        }
        self._is_over = False

    def begin(self, held_by: ZoneSource | None = None) -> None:
        """Judge what comes from now on, and what came while ``held_by`` let the handshake wait."""
        for side in self._sides.values():
            side.held_by = held_by
        for side in self._sides.values():
            if not self._is_over:
                side.begin()

    def receive(self, event: Event) -> None:
        """Judge what came in its direction."""
        self._sides[event.direction].receive(event)

    def end(self) -> None:
        """Give the places free and lose what waits."""
        self._is_over = True
        for side in self._sides.values():
            side.end()
        for cap in self._caps:
            cap.give_back()
        self._ended(self)
