"""Idle connections: opened few at a time, and left alone until somebody has measured what they cost."""

import asyncio
import sys

from tests.bench.load.connection import expect_nothing
from tests.bench.load.crowd import crowd
from tests.bench.load.scenarios import Target
from tests.load.generators.orders import Held, Hold

OPEN = "open"


async def hold(order: Hold) -> Held:
    """Hold as ordered."""
    door = order.door
    async with crowd(Target(door.port, door.path, door.authorizations[0]), order.connections, expect_nothing) as held:
        sys.stdout.write(f"{OPEN}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        return Held(sum(connection.is_closed.done() for connection in held))
