"""Many connections at once: opened few at a time, watched, closed together."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.bench.load.connection import Connection, ConnectionFailed, open_connection
from tests.bench.load.scenarios import Target

CLOSE_TIMEOUT_SECONDS = 5
_OPENING_AT_ONCE = 32


async def close_connections(connections: list[Connection]) -> None:
    """Close in good order, and cut whatever is left after a while."""
    for connection in connections:
        connection.close()
    if connections:
        await asyncio.wait([connection.is_closed for connection in connections], timeout=CLOSE_TIMEOUT_SECONDS)
    for connection in connections:
        connection.abort()


@asynccontextmanager
async def crowd(target: Target, count: int, on_echo: Callable[[Connection], None]) -> AsyncIterator[list[Connection]]:
    """So many open connections; all are closed in the end."""
    connections: list[Connection] = []
    opening = iter(range(count))

    async def open_some() -> None:
        for _ in opening:  # shared by all who open, so that each number is opened once
            connection = await open_connection(target, on_echo)
            connections.append(connection)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(count, _OPENING_AT_ONCE)):
                group.create_task(open_some())
        yield connections
    finally:
        await close_connections(connections)


async def pass_time(seconds: float) -> None:
    """Let time pass, whatever happens meanwhile."""
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=seconds)


async def watch(connections: list[Connection], seconds: float) -> None:
    """Let time pass while all connections stay open.

    Raises:
        ConnectionFailed: one of them was lost meanwhile.
    """
    waiting = [connection.is_closed for connection in connections]
    lost, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if lost:
        reason = lost.pop().result()
        raise ConnectionFailed(f"{len(lost) + 1} of {len(connections)} connections were lost, the first: {reason}.")
