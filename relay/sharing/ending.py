"""How tasks are ended that may lose a cancellation."""

import asyncio
from collections.abc import Iterable

CANCEL_AGAIN_SECONDS = 0.5


async def end_tasks(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: in Python 3.11, asyncio.wait_for loses a cancellation that comes as it completes."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
