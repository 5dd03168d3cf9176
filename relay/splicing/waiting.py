"""The lines of a process on the timers of its loop, and what it is to be held back."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from typing import Protocol

from relay.protocol.frames import FrameKind
from relay.splicing.gathering import Gathering
from relay.splicing.turns import Turns
from relay.telemetry.counters import ThrottleCounter
from relay.telemetry.defects import contained
from relay.throttle.leases import LeasedZone, Standing
from relay.throttle.limiter import AnyZone
from relay.throttle.lines import BREAK_NS, Lines, Step, Timer, Waiter
from relay.throttle.policy import SECOND_NS

TURNS_TO_READ = 4  # of the loop, after which all has been read that lay in the kernel or in TLS, however late it is


class Stop(IntFlag):
    """Why a side is not read from. Reading goes on when no reason is left."""

    THROTTLED, PEER_FULL, TURN, NOT_YET = 1, 2, 4, 8


@dataclass(slots=True)
class Held:
    """A frame that must wait, and what was read behind it.

    ``throttle`` counts what the zone does that held it back first: none as long as it only waits for an answer.
    ``zone`` is the one in whose line it stands now.
    """

    chunk: bytes
    at: int
    length: int
    kind: FrameKind
    payload_bytes: int
    arrived_ns: int
    throttle: ThrottleCounter | None = None
    zone: AnyZone | None = None


class Side(Waiter, Protocol):
    """One side of a session that has held back a message."""

    def go_on(self, reason: Stop) -> None:
        """Take back one reason not to read."""

    def fail(self, error: Exception) -> None:
        """End the session, and no other: it could not do what it was asked for."""


class WaitingRoom:
    """The lines of one process.

    ``turns`` is the line of those who keep the loop busy, ``gathering`` lets more arrive between its turns.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait on the timers of ``loop``."""
        self._loop = loop
        self.turns, self.gathering = Turns(loop), Gathering(loop)
        self._lines: Lines[Side] = Lines(self._plan, _fail)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._lines)

    def take_turn(self, side: Side) -> None:
        """Have ``side`` go on when the turn is its own."""
        self.turns.join(lambda: side.go_on(Stop.TURN))

    def after_break(self, step: Callable[[], None]) -> None:
        """Call ``step`` after ``BREAK_NS``, once all has been read that endpoints have sent by then."""
        self._loop.call_later(BREAK_NS / SECOND_NS, self._once_read, step, TURNS_TO_READ)

    def join(self, zone: AnyZone, side: Side) -> None:
        """Stand at the end of the line for ``zone``."""
        self._lines.join(zone, side, time.monotonic_ns())

    def leave(self, zone: AnyZone, side: Side) -> None:
        """Give up the place, if there is one."""
        self._lines.leave(zone, side)

    def standing(self, zone: LeasedZone) -> Standing:
        """Who waits in the line for ``zone``, and for how many permits."""
        return self._lines.standing(zone)

    def wake(self, zone: LeasedZone) -> None:
        """Ask those who stand in the line for ``zone`` again: an answer came."""
        self._lines.wake(zone, time.monotonic_ns())

    def _once_read(self, step: Callable[[], None], turns: int) -> None:
        if turns:
            self._loop.call_soon(self._once_read, step, turns - 1)
        else:
            step()

    def _plan(self, at_ns: int, step: Step) -> Timer:
        seconds = (at_ns - time.monotonic_ns()) / SECOND_NS
        return self._loop.call_later(seconds, lambda: step(time.monotonic_ns()))


def _fail(side: Side, error: Exception) -> None:
    with contained("line"):  # the side's session counts the error itself
        side.fail(error)
