import asyncio
import os
import threading
from contextlib import suppress

import aiohttp
import pytest
from rich.console import Console

from controlplane.demonstration import show
from controlplane.demonstration.figures import Figures

pytestmark = pytest.mark.asyncio
NOBODY = "http://127.0.0.1:1"
PATIENCE_SECONDS = 5.0


@pytest.fixture
def unread():
    """A pipe that nobody reads and that takes nothing more; it breaks when a test has waited long enough."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writes, bytes(4096))
    os.set_blocking(writes, True)
    breaks = threading.Timer(PATIENCE_SECONDS, os.close, [reads])
    breaks.start()
    with suppress(BrokenPipeError), os.fdopen(writes, "w") as file:
        yield file
    breaks.cancel()
    breaks.join()
    with suppress(OSError):
        os.close(reads)


async def test_where_nobody_reads_its_lines_the_demo_goes_on_and_hears_signals(unread, monkeypatch):
    monkeypatch.setattr(show, "GATHER_SECONDS", 0.001)
    async with aiohttp.ClientSession() as http:
        gatherer, gathered = show.Gatherer(Figures({}, has_traffic=False), NOBODY, [], http), asyncio.Event()
        left, gather = iter(range(3 * show.LINE_EVERY)), gatherer.gather

        async def count():
            if next(left, None) is None:
                gathered.set()
            await gather()

        gatherer.gather = count
        showing = asyncio.create_task(show.show(gatherer, None, Console(file=unread, width=200), ""))
        waiting = asyncio.create_task(gathered.wait())
        await asyncio.wait([showing, waiting], return_when=asyncio.FIRST_COMPLETED)

        assert not showing.done(), showing.exception()
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
