"""Which relay processes are alive: each says so once a second, and hears how many there are."""

from typing import cast

import redis.asyncio

from relay.store import keys
from relay.store.scripts import Script

ALIVE_SECONDS = 10.0  # for so long a process that says nothing is taken for alive
ALIVE_WORKERS = Script("alive_workers")


async def alive_workers(redis_on_loop: redis.asyncio.Redis, worker: str) -> int:
    """Say that ``worker`` is alive; answers how many are, this one among them.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    names = await ALIVE_WORKERS.run(redis_on_loop, [keys.workers()], [int(1000 * ALIVE_SECONDS), worker])
    return len(cast("list[str]", names))


async def forget_worker(redis_on_loop: redis.asyncio.Redis, worker: str) -> None:
    """Say that ``worker`` ends.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    await redis_on_loop.zrem(keys.workers(), worker)


def names_of_alive_workers() -> list[str]:
    """The names of all processes that are alive.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    return cast("list[str]", ALIVE_WORKERS.run_in_thread([keys.workers()], [int(1000 * ALIVE_SECONDS), ""]))
