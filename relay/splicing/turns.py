"""One line a process for those who keep the event loop busy: each turn of the loop is one's of them."""

import asyncio
from collections import deque
from collections.abc import Callable

from relay.telemetry.defects import contained


class Turns:
    """A line of those who have more to do than may be done at once.

    Were all of them called in each turn of the loop, fifty floods of tiny frames, or five hundred handshakes, would
    keep everybody else's messages waiting for a third of a second.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the turns of ``loop``."""
        self._loop = loop
        self._line: deque[Callable[[], None]] = deque()

    def join(self, go: Callable[[], None]) -> None:
        """Stand at the end of the line; ``go`` is called when the turn has come."""
        self._line.append(go)
        if len(self._line) == 1:
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        go = self._line.popleft()
        if self._line:
            self._loop.call_soon(self._next)
        with contained("turn"):
            go()
