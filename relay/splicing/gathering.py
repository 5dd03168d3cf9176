"""Lets more arrive before the loop looks again, while reads bring several messages each: a read carries more then.

Network cards do the same with interrupts. docs/decisions/0013-reads-are-gathered.md has what it gains and costs.
"""

import asyncio
import time
from collections.abc import Callable

PAUSE_SECONDS = 50e-6  # with the kernel's slack about 0.1 ms, which is what a message may be later
LEAST_READS = 4  # of several messages in a turn: a pause that brings fewer costs more than it saves
TURNS_WITHOUT = 16  # then it is tried again


class Gathering:
    """Pauses between two turns of the loop for as long as that pays."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pause: Callable[[], None] = lambda: time.sleep(PAUSE_SECONDS)
    ) -> None:
        """Call ``pause`` between turns of ``loop``."""
        self._loop, self._pause = loop, pause
        self._reads = self._turns_without = 0
        self._has_paused = False

    def read_several(self) -> None:
        """Count a read that brought several messages; before the next reads there may be a pause."""
        self._reads += 1
        if self._reads == 1:
            self._loop.call_soon(self._pause_if_it_pays)

    def _pause_if_it_pays(self) -> None:
        if self._has_paused and self._reads < LEAST_READS:
            self._turns_without = TURNS_WITHOUT
        self._reads = 0
        self._has_paused = not self._turns_without
        if self._has_paused:
            self._pause()
        else:
            self._turns_without -= 1
