"""How many connections each relay process holds open, by channel and client: what a change would end."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias, cast

import msgspec

from relay.store import keys
from relay.store.pool import RedisOnLoop, blocking
from relay.store.workers import names_of_alive_workers

KEPT_SECONDS = 180  # after the last word of a process: said again each minute
Counts: TypeAlias = Mapping[str, Mapping[str, int]]  # by channel's id and client's id


async def tell_open(redis_on_loop: RedisOnLoop, worker: str, tenant_id: str, counts: Counts) -> None:
    """Say what ``worker`` holds open of a tenant, in place of what it said before.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    key = keys.open_connections(tenant_id, worker)
    if counts:
        await redis_on_loop.set(key, msgspec.json.encode(counts), ex=KEPT_SECONDS)
    else:
        await redis_on_loop.delete(key)


def read_open(tenant_id: str) -> Counter[tuple[str, str]]:
    """How many connections of a tenant are open in all processes, by channel's id and client's id.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    workers, found = names_of_alive_workers(), Counter[tuple[str, str]]()
    told = blocking().mget([keys.open_connections(tenant_id, worker) for worker in workers]) if workers else []
    for text in cast("list[str | None]", told):
        counts = msgspec.json.decode(text, type=dict[str, dict[str, int]]) if text else {}
        for channel_id, clients in counts.items():
            found.update({(channel_id, client_id): count for client_id, count in clients.items()})
    return found
