"""Load in a process of its own, so that it does not measure itself."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from tests.architecture.sources import ROOT
from tests.faults.ground.flooder import Flood
from tests.load.generators.hold import OPEN
from tests.load.generators.orders import Door, Held, Hold, Order

Outcome = TypeVar("Outcome")
OPENING_SECONDS = 60


async def generated(order: Order | Flood, kind: type[Outcome]) -> Outcome:
    """Have the load generated: its outcome. Cancelled, it is ended."""
    process = await _started(order)
    try:
        told, _ = await process.communicate()
    finally:
        await _ended(process)
    assert process.returncode == 0
    return msgspec.json.decode(told, type=kind)


@asynccontextmanager
async def holding(door: Door, connections: int) -> AsyncIterator[None]:
    """So many idle connections while the block lasts, none of which may be lost meanwhile."""
    process = await _started(Hold(door, connections))
    try:
        assert process.stdout
        async with asyncio.timeout(OPENING_SECONDS):
            assert await process.stdout.readline() == f"{OPEN}\n".encode()
        yield
        told, _ = await process.communicate(b"")  # the end of its standard input
    finally:
        await _ended(process)
    assert msgspec.json.decode(told, type=Held).lost == 0


async def _started(order: Order | Flood) -> Process:
    program = "tests.faults.ground.flooder" if isinstance(order, Flood) else "tests.load.generators"
    command = (sys.executable, "-m", program, msgspec.json.encode(order).decode())
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)


async def _ended(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
