"""A simulated platform on a loop and in a thread of its own: pages wait for it in this one."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

from floodgate_simulator.application import Simulator, running_simulator

PATIENCE_SECONDS = 10.0


@contextmanager
def platform_beside() -> Iterator[Simulator]:
    """A simulator that runs as long as the block does."""
    started: Queue[tuple[Simulator, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def run() -> None:
        over = asyncio.Event()
        async with running_simulator() as simulator:
            started.put((simulator, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="platform", daemon=True)
    thread.start()
    simulator, loop, over = started.get(timeout=PATIENCE_SECONDS)
    try:
        yield simulator
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE_SECONDS)
