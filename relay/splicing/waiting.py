"""Those who wait for a zone stand in a line of their own, and its first asks again when the zone has room."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from itertools import islice
from typing import Protocol

from relay.protocol.frames import FrameKind
from relay.splicing.gathering import Gathering
from relay.splicing.turns import Turns
from relay.telemetry.counters import ThrottleCounter
from relay.throttle.leases import NOBODY, LeasedZone, Standing
from relay.throttle.limiter import AnyZone
from relay.throttle.lots import FAR_NS
from relay.throttle.policy import SECOND_NS, Beyond

PACING_QUANTUM_SECONDS = 0.002  # all that is due goes in one turn: uvloop's timers are true to a millisecond only
LONGEST_TIMER_SECONDS = 3600.0
MOST_A_TURN = 128  # messages that go on one by one, where so many are due at once
MOST_LOOKED_AT = 512  # of those in line, when permits are asked for


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

    def begins_to_count(self, now_ns: int, throttle_by: Callable[[AnyZone], ThrottleCounter]) -> bool:
        """Count the frame as held back from now on, if its zone does that to it and it was not counted before."""
        if self.throttle is not None or self.zone is None or not self.zone.holds_back(now_ns):
            return False
        self.throttle = throttle_by(self.zone)
        self.throttle.hold(self.arrived_ns)
        return True


class Waiter(Protocol):
    """One side of a session that has ``held`` back a message.

    It waits without a break since ``throttled_since_ns``, or only for an answer: then that is 0.
    """

    throttled_since_ns: int
    held: Held | None

    def ask_again(self, now_ns: int) -> None:
        """Judge the held message once more; whoever must wait again joins the end of a line."""

    def count_if_throttled(self, now_ns: int) -> None:
        """Count the message from now on if it waits for its zone's rate."""

    def go_on(self, reason: Stop) -> None:
        """Take back one reason not to read."""


class WaitingRoom:
    """One line a zone. While somebody stands in it the zone's gate is closed, so that nobody overtakes.

    ``turns`` is the line of those who keep the loop busy, ``gathering`` lets more arrive between its turns.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait on the timers of ``loop``."""
        self._loop = loop
        self.turns, self.gathering = Turns(loop), Gathering(loop)
        self._lines: dict[AnyZone, deque[Waiter]] = {}
        self._timers: dict[AnyZone, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """How many wait."""
        return sum(len(line) for line in self._lines.values())

    def take_turn(self, waiter: Waiter) -> None:
        """Have ``waiter`` go on when the turn is its own."""
        self.turns.join(lambda: waiter.go_on(Stop.TURN))

    def join(self, zone: AnyZone, waiter: Waiter) -> None:
        """Stand at the end of the line for ``zone``."""
        line = self._lines.get(zone)
        if line is None:
            line = self._lines[zone] = deque()
            zone.close_gate()
        line.append(waiter)
        self._set_timer(zone, time.monotonic_ns())

    def leave(self, zone: AnyZone, waiter: Waiter) -> None:
        """Give up the place, if there is one."""
        line = self._lines.get(zone)
        if line is not None and waiter in line:
            line.remove(waiter)
            self._close_empty_line(zone)

    def standing(self, zone: LeasedZone) -> Standing:
        """Who waits in the line for ``zone``, and for how many permits."""
        line = self._lines.get(zone)
        if not line:
            return NOBODY
        held = [waiter.held for waiter in islice(line, MOST_LOOKED_AT) if waiter.held is not None]
        sizes = [zone.permits_for(one.payload_bytes) for one in held]
        return Standing(sizes[0], sum(sizes), held[0].arrived_ns) if held else NOBODY

    def wake(self, zone: LeasedZone) -> None:
        """Ask those who stand in the line for ``zone`` again: an answer came. Who must wait on is throttled."""
        if zone not in self._lines:
            return
        timer = self._timers.pop(zone, None)
        if timer is not None:
            timer.cancel()
        self._go_on(zone)
        now_ns = time.monotonic_ns()
        for waiter in reversed(self._lines.get(zone, ())):
            if waiter.held is None or waiter.held.throttle is not None:
                break  # it is counted, and those before it came earlier
            waiter.count_if_throttled(now_ns)
        if zone in self._lines:
            self._set_timer(zone, now_ns)  # it may close those who are throttled from now on

    def _set_timer(self, zone: AnyZone, now_ns: int) -> None:
        timer = self._timers.get(zone)
        due_ns = min(zone.opens_at_ns(), *self._closing_times_ns(zone).values(), FAR_NS)
        seconds = min(max((due_ns - now_ns) / SECOND_NS, PACING_QUANTUM_SECONDS), LONGEST_TIMER_SECONDS)
        if timer is not None and timer.when() <= self._loop.time() + seconds + PACING_QUANTUM_SECONDS:
            return
        if timer is not None:
            timer.cancel()  # it was set under another version of the policy: the line may go on sooner now
        self._timers[zone] = self._loop.call_later(seconds, self._wake, zone)

    def _wake(self, zone: AnyZone) -> None:
        del self._timers[zone]
        self._go_on(zone)

    def _go_on(self, zone: AnyZone) -> None:
        now_ns = time.monotonic_ns()
        for waiter, closes_at_ns in self._closing_times_ns(zone).items():
            if closes_at_ns <= now_ns:
                self.leave(zone, waiter)
                waiter.ask_again(now_ns)
        if zone in self._lines and zone.has_plenty(now_ns, len(self._lines[zone])):
            waiters = list(self._lines[zone])
            self._lines[zone].clear()
            self._close_empty_line(zone)  # or each would go to the end of the line again, with its next message
            for waiter in waiters:
                waiter.ask_again(now_ns)
            return
        for _ in range(max(MOST_A_TURN, len(self._lines.get(zone, ())))):  # nobody keeps the loop
            line = self._lines.get(zone)
            if not line or not zone.has_room(now_ns, _size_of(line[0])):
                break
            waiter = line.popleft()
            self._close_empty_line(zone)
            waiter.ask_again(now_ns)
        if zone in self._lines:
            self._set_timer(zone, now_ns)

    def _closing_times_ns(self, zone: AnyZone) -> dict[Waiter, int]:
        """When each in line has waited for so long that the zone closes on it, which may be before its turn."""
        if zone.policy.beyond is not Beyond.CLOSE:
            return {}
        closes_after_ns = zone.policy.close_after_waiting_seconds * SECOND_NS
        line = self._lines.get(zone, ())
        return {w: w.throttled_since_ns + closes_after_ns for w in line if w.throttled_since_ns}

    def _close_empty_line(self, zone: AnyZone) -> None:
        if not self._lines[zone]:
            del self._lines[zone]
            zone.open_gate()
            timer = self._timers.pop(zone, None)
            if timer is not None:
                timer.cancel()


def _size_of(waiter: Waiter) -> int:
    return waiter.held.payload_bytes if waiter.held is not None else 0
