"""Tells every relay process that a tenant's control data changed.

A stream rather than pub/sub: a reader that was cut off goes on where it stopped, so no change is missed.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import redis.asyncio

from relay.store import keys
from relay.store.pool import StoreUnavailable, blocking, on_loop

KEPT = 4096  # a reader that is further behind reloads everything
BLOCK_MILLISECONDS = 500
RETRY_SECONDS = 0.25
EVERY_TENANT = "*"
BEGINNING = "0-0"
Entry = tuple[str, dict[str, str]]


def announce(tenant_id: str) -> None:
    """Say that the control data of a tenant changed and relays must load it again.

    Raises:
        StoreUnavailable: Redis did not answer; relays will hear of it from the next announcement.
    """
    blocking().xadd(keys.announcements(), {"tenant": tenant_id}, maxlen=KEPT, approximate=True)


async def changed_tenants() -> AsyncIterator[str]:
    """Yield the id of each tenant that is announced from now on, for ever.

    Yields ``EVERY_TENANT`` at the start, when Redis came back, and when announcements were missed:
    the listener loads again what it holds.
    """
    connection = on_loop(timeout_seconds=BLOCK_MILLISECONDS / 1000 * 2)
    position = ""
    try:
        while True:
            try:
                if not position:
                    position = await _last_position(connection)
                    yield EVERY_TENANT
                for entry_id, fields in await _entries_after(connection, position):
                    position = entry_id
                    yield fields.get("tenant", EVERY_TENANT)
                if await _was_lost(connection, position):
                    position = ""
            except (StoreUnavailable, UnicodeDecodeError):  # away, or somebody else wrote here
                position = ""
                await asyncio.sleep(RETRY_SECONDS)
    finally:
        await connection.aclose()


async def _last_position(connection: redis.asyncio.Redis) -> str:
    entries = cast("list[Entry]", await connection.xrevrange(keys.announcements(), count=1))
    return entries[0][0] if entries else BEGINNING


async def _entries_after(connection: redis.asyncio.Redis, position: str) -> list[Entry]:
    answer = await connection.xread({keys.announcements(): position}, block=BLOCK_MILLISECONDS)
    streams = cast("list[tuple[str, list[Entry]]]", answer or [])
    return [entry for _, entries in streams for entry in entries]


async def _was_lost(connection: redis.asyncio.Redis, position: str) -> bool:
    """Tell whether the stream forgot what we have read (restarted empty) or trimmed what we have not."""
    if position == BEGINNING:
        return False
    return not await connection.xrange(keys.announcements(), min=position, max=position, count=1)
