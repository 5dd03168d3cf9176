"""Permits of grants, for how long they may be spent, and in which order."""

from collections import deque
from dataclasses import dataclass

from relay.throttle.policy import LEASE_SECONDS, SECOND_NS

FAR_NS = 1 << 62
NEVER_NS = -FAR_NS
LEASE_NS = int(LEASE_SECONDS * SECOND_NS)


@dataclass(slots=True)
class Lot:
    """The first permit may be spent from ``opens_ns`` on, all of them before ``expires_ns``.

    A reserve is for the time after the permits that came with it: whoever is asked half as often costs half as much.
    It lasts ``LEASE_SECONDS`` from when the first of it may be spent, as any lot does, and not from the answer.
    """

    permits: int
    opens_ns: int
    expires_ns: int
    is_reserve: bool = False

    def ends_ns(self, now_ns: int) -> int:
        """When it ends if it is begun now."""
        return min(self.expires_ns, now_ns + LEASE_NS) if self.is_reserve else self.expires_ns


class Lots:
    """The lots that one worker holds of one shared zone: one that is being spent, and those behind it.

    Attributes:
        ready: permits that newcomers may spend until their lot ends: all of it is open, and nobody stands in line.
        permits: of the lot that is being spent, those that are not ready: all of them, or none.
        opens_ns: when the next of them may be spent.
        interval_ns: how much later each following one may be.
    """

    _HELD = "_dropped", "_expires_ns", "_gate_is_closed", "_granted", "_later", "_was_ready_until_ns"
    __slots__ = ("interval_ns", "opens_ns", "permits", "ready", *_HELD)

    def __init__(self) -> None:
        """Begin without permits."""
        self.ready = self.permits = self.opens_ns = self.interval_ns = 0
        self._expires_ns = self._was_ready_until_ns = NEVER_NS
        self._later: deque[Lot] = deque()
        self._gate_is_closed = False
        self._granted = self._dropped = 0

    @property
    def spent(self) -> int:
        """Permits that were spent here, since the zone was made."""
        return self._granted - self._dropped - self._available()

    def opens_at_ns(self) -> int:
        """When the next permit may be spent; ``FAR_NS`` where there is none."""
        if self._left():
            return self.opens_ns
        return self._later[0].opens_ns if self._later else FAR_NS

    def room(self, now_ns: int, most: int) -> int:
        """How many messages that have just arrived may be charged together, ``most`` at the most."""
        self.settle(now_ns)
        if self._gate_is_closed or self.opens_ns > now_ns or self._expires_ns <= now_ns:
            return 0
        return min(most, self._left(), (now_ns - self.opens_ns) // self.interval_ns + 1)

    def settle(self, now_ns: int) -> None:
        """Go on to the next lot where one is used up or has ended."""
        while self._later and (not self._left() or self._expires_ns <= now_ns):
            self._drop()
            self._begin(self._later.popleft(), now_ns)
        if self._expires_ns <= now_ns:
            self._drop()

    def admits_run(self, now_ns: int, messages: int) -> bool:
        """Tell whether several messages that have just arrived may be charged together, by the times of permits."""
        self.make_ready(now_ns)
        return self.room(now_ns, messages) >= messages

    def make_ready(self, now_ns: int) -> int:
        """Let newcomers spend the lot without another look at its times, if all of it is open.

        Returns:
            Until when; ``NEVER_NS`` where its times must be looked at. A later lot is never ready for less long:
            whoever was told so once need not ask again before.
        """
        self.settle(now_ns)
        if not self.ready:
            is_open = self.permits and self.opens_ns + (self.permits - 1) * self.interval_ns <= now_ns
            if not is_open or self._gate_is_closed or self._expires_ns < self._was_ready_until_ns:
                return NEVER_NS
            self.ready, self.permits = self.permits, 0
            self._was_ready_until_ns = self._expires_ns
        return self._expires_ns

    def close_gate(self) -> None:
        """Send newcomers to the end of the line: somebody waits."""
        self.permits, self.ready = self._left(), 0
        self._gate_is_closed = True

    def open_gate(self) -> None:
        """Let newcomers spend again: nobody waits."""
        self._gate_is_closed = False

    def drop_all(self) -> None:
        """Give up all permits."""
        self._drop()
        self._dropped += sum(lot.permits for lot in self._later)
        self._later.clear()

    def _begin(self, lot: Lot, now_ns: int) -> None:
        self.ready, self.permits = 0, lot.permits
        self.opens_ns, self._expires_ns = lot.opens_ns, lot.ends_ns(now_ns)

    def _drop(self) -> None:
        self._dropped += self._left()
        self.ready = self.permits = 0

    def _left(self) -> int:
        """Permits of the lot that is being spent."""
        return self.ready + self.permits

    def _open_permits(self, now_ns: int) -> int:
        """Permits for one large message: it may begin when the first of them is due."""
        return self._left() + sum(lot.permits for lot in self._later if lot.opens_ns <= now_ns < lot.expires_ns)

    def _available(self) -> int:
        """Permits that are here, or will open."""
        return self._left() + sum(lot.permits for lot in self._later)

    def _last_lot(self) -> Lot:
        return self._later[-1] if self._later else Lot(self._left(), self.opens_ns, self._expires_ns)

    def _lasting_permits(self, beyond_ns: int) -> int:
        """Permits of lots that end later than that."""
        lots = (Lot(self._left(), self.opens_ns, self._expires_ns), *self._later)
        return sum(lot.permits for lot in lots if lot.expires_ns > beyond_ns)
