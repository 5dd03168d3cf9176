"""Those who wait for a zone stand in a line of their own, and its first asks again when the zone has room."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from enum import IntFlag
from typing import Protocol

from relay.protocol.frames import FrameKind
from relay.splicing.turns import Turns
from relay.telemetry.counters import ThrottleCounter
from relay.throttle.policy import SECOND_NS, Beyond
from relay.throttle.zone import Zone

PACING_QUANTUM_SECONDS = 0.002  # all that is due goes in one turn: uvloop's timers are true to a millisecond only
FAR_NS = 1 << 62


class Stop(IntFlag):
    """Why a side is not read from. Reading goes on when no reason is left."""

    THROTTLED, PEER_FULL, TURN, NOT_YET = 1, 2, 4, 8


@dataclass(slots=True)
class Held:
    """A frame that must wait, and what was read behind it.

    ``throttle`` counts what the zone that held it first does, ``zone`` is the one in whose line it stands now.
    """

    chunk: bytes
    at: int
    length: int
    kind: FrameKind
    payload_bytes: int
    arrived_ns: int
    throttle: ThrottleCounter
    zone: Zone | None = None


class Waiter(Protocol):
    """One side of a session that holds a message back. It has waited without a break since ``throttled_since_ns``."""

    throttled_since_ns: int

    def ask_again(self, now_ns: int) -> None:
        """Judge the held message once more; whoever must wait again joins the end of a line."""

    def go_on(self, reason: Stop) -> None:
        """Take back one reason not to read."""


class WaitingRoom:
    """One line a zone. While somebody stands in it the zone's gate is closed, so that nobody overtakes.

    ``turns`` is the line of those who keep the loop busy.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait on the timers of ``loop``."""
        self._loop = loop
        self.turns = Turns(loop)
        self._lines: dict[Zone, deque[Waiter]] = {}
        self._timers: dict[Zone, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """How many wait."""
        return sum(len(line) for line in self._lines.values())

    def take_turn(self, waiter: Waiter) -> None:
        """Have ``waiter`` go on when the turn is its own."""
        self.turns.join(lambda: waiter.go_on(Stop.TURN))

    def join(self, zone: Zone, waiter: Waiter) -> None:
        """Stand at the end of the line for ``zone``."""
        line = self._lines.get(zone)
        if line is None:
            line = self._lines[zone] = deque()
            zone.close_gate()
        line.append(waiter)
        self._set_timer(zone, time.monotonic_ns())

    def leave(self, zone: Zone, waiter: Waiter) -> None:
        """Give up the place, if there is one."""
        line = self._lines.get(zone)
        if line is not None and waiter in line:
            line.remove(waiter)
            self._close_empty_line(zone)

    def _set_timer(self, zone: Zone, now_ns: int) -> None:
        timer = self._timers.get(zone)
        due_ns = min(zone.opens_at_ns(), *self._closing_times_ns(zone).values(), FAR_NS)
        seconds = max((due_ns - now_ns) / SECOND_NS, PACING_QUANTUM_SECONDS)
        if timer is not None and timer.when() <= self._loop.time() + seconds + PACING_QUANTUM_SECONDS:
            return
        if timer is not None:
            timer.cancel()  # it was set under another version of the policy: the line may go on sooner now
        self._timers[zone] = self._loop.call_later(seconds, self._wake, zone)

    def _wake(self, zone: Zone) -> None:
        del self._timers[zone]
        now_ns = time.monotonic_ns()
        for waiter, closes_at_ns in self._closing_times_ns(zone).items():
            if closes_at_ns <= now_ns:
                self.leave(zone, waiter)
                waiter.ask_again(now_ns)
        for _ in range(len(self._lines.get(zone, ()))):  # each is asked once a turn: nobody keeps the loop
            line = self._lines.get(zone)
            if not line or not zone.has_room(now_ns):
                break
            waiter = line.popleft()
            self._close_empty_line(zone)
            waiter.ask_again(now_ns)
        if zone in self._lines:
            self._set_timer(zone, now_ns)

    def _closing_times_ns(self, zone: Zone) -> dict[Waiter, int]:
        """When each in line has waited for so long that the zone closes on it, which may be before its turn."""
        if zone.policy.beyond is not Beyond.CLOSE:
            return {}
        closes_after_ns = zone.policy.close_after_waiting_seconds * SECOND_NS
        return {waiter: waiter.throttled_since_ns + closes_after_ns for waiter in self._lines.get(zone, ())}

    def _close_empty_line(self, zone: Zone) -> None:
        if not self._lines[zone]:
            del self._lines[zone]
            zone.open_gate()
            timer = self._timers.pop(zone, None)
            if timer is not None:
                timer.cancel()
