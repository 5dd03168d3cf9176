"""A connection that always has one more message, without its sockets: it waits and goes on as a splice does."""

import asyncio
import time

from relay.protocol.frames import FrameKind
from relay.splicing.waiting import Held, Stop, WaitingRoom
from relay.throttle.limiter import Limiter
from relay.throttle.verdict import PASS

PAUSE_SECONDS = 0.0005  # from one message to the next


class Flooder:
    """``passed`` has the time of each message that went on."""

    def __init__(self, room: WaitingRoom, limiter: Limiter) -> None:
        self.passed: list[float] = []
        self.held: Held | None = None
        self.throttled_since_ns = 0
        self._is_over = False
        self._room, self._limiter = room, limiter
        self._next()

    def _next(self) -> None:
        if self._is_over:
            return
        now_ns = time.monotonic_ns()
        if self._limiter.admit(now_ns) is PASS:
            self._go()
        else:
            self.held = Held(b"", 0, 0, FrameKind.MESSAGE, 0, now_ns)
            self._join()

    def ask_again(self, now_ns: int) -> None:
        """Have the message judged once more."""
        assert self.held is not None
        if self._limiter.admit_waiting(now_ns, 0, self.held.arrived_ns, now_ns) is PASS:
            self.held = None
            self._go()
        else:
            self._join()

    @property
    def held_bytes(self) -> int:
        """Its messages have no size."""
        return 0

    @property
    def held_since_ns(self) -> int:
        """When the message was first judged."""
        return self.held.arrived_ns if self.held is not None else 0

    def count_if_throttled(self, now_ns: int) -> None:
        """Remember since when it is held back."""
        self.throttled_since_ns = self.throttled_since_ns or now_ns

    def fail(self, error: Exception) -> None:
        """Have the test fail."""
        raise error

    def go_on(self, _reason: Stop) -> None:
        """It is never full."""

    def stop(self) -> None:
        """Send no more."""
        self._is_over = True

    def _join(self) -> None:
        assert self.held is not None
        self.held.zone = self._limiter.decided_by
        self._room.join(self.held.zone, self)

    def _go(self) -> None:
        self.passed.append(time.monotonic())
        asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._next)
