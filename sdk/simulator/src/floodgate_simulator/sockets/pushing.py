"""Numbered messages that the simulator sends by itself, at a steady rate."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from floodgate_simulator.clock import unix_now
from floodgate_simulator.sockets.messages import Message

DEFAULT_RATE = 10.0
HIGHEST_RATE = 1_000_000
SHORTEST_TICK_SECONDS = 0.002
MOST_IN_A_TICK = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PushPlan:
    """How many messages a second (0: none), and at least how many bytes each.

    Raises:
        ValueError: a value is out of range.
    """

    rate: float = DEFAULT_RATE
    size: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be sent."""
        if not 0 <= self.rate <= HIGHEST_RATE:
            raise ValueError(f"rate is {self.rate}, but must lie between 0 and {HIGHEST_RATE} messages a second.")
        if self.size < 0:
            raise ValueError(f"size is {self.size}, but must be 0 or more bytes.")


class Pusher:
    """Sends one connection's messages; numbers go on when the plan changes."""

    def __init__(self, send: Callable[[Message], None], flush: Callable[[], None]) -> None:
        """Take what sends one message, and what writes out all that was sent."""
        self._send = send
        self._flush = flush
        self._plan = PushPlan(rate=0)
        self._number = 0
        self._begun_at = 0.0
        self._sent_since = 0
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, plan: PushPlan) -> None:
        """Send by this plan from now on; what is overdue is not made up for."""
        self.stop()
        self._plan = plan
        if plan.rate > 0:
            self._begun_at = asyncio.get_running_loop().time()
            self._sent_since = 0
            self._wait()

    def stop(self) -> None:
        """Send nothing until told again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        """Go on by the same plan after a stop."""
        self.follow(self._plan)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        due_at = self._begun_at + (self._sent_since + 1) / self._plan.rate
        self._timer = loop.call_at(max(due_at, loop.time() + SHORTEST_TICK_SECONDS), self._tick)

    def _tick(self) -> None:
        elapsed = asyncio.get_running_loop().time() - self._begun_at
        # A timer may fire a moment early: half a tick of tolerance keeps it from firing twice.
        due = int((elapsed + SHORTEST_TICK_SECONDS / 2) * self._plan.rate) - self._sent_since
        self._wait_after(min(due, MOST_IN_A_TICK))

    def _wait_after(self, due: int) -> None:
        self._sent_since += due
        self._wait()
        for _ in range(due):
            self._send(self._next_message())
        self._flush()

    def _next_message(self) -> Message:
        self._number += 1
        text = json.dumps({"type": "event", "n": self._number, "sent_at": unix_now()}, separators=(",", ":"))
        missing = self._plan.size - len(text) - len(',"filler":""')
        if missing >= 0:
            text = f'{text[:-1]},"filler":"{"x" * missing}"}}'
        return Message(text.encode(), is_text=True)
