"""Waits in tests for what must come true soon, without sleeping."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")
PATIENCE_SECONDS = 10.0
POLL_SECONDS = 0.005


async def eventually(condition: Callable[[], Seen], seconds: float = PATIENCE_SECONDS) -> Seen:
    """What ``condition`` answers as soon as that is true.

    Raises:
        TimeoutError: it was not, for so long.
    """
    async with asyncio.timeout(seconds):
        while not (seen := condition()):
            await turns(POLL_SECONDS)
        return seen


async def turns(seconds: float) -> None:
    """Let everything else run for so long."""
    loop = asyncio.get_running_loop()
    is_over = loop.create_future()
    timer = loop.call_later(seconds, is_over.set_result, None)
    try:
        await is_over
    finally:
        timer.cancel()
