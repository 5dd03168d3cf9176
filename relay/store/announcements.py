"""Tells every relay process that a tenant's control data changed.

A stream rather than pub/sub: a reader that was cut off goes on where it stopped, so no change is missed.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple, cast

import redis.asyncio

from relay.store import keys
from relay.store.pool import StoreUnavailable, blocking, on_loop

KEPT = 4096  # a reader that is further behind reloads everything
READ_AT_ONCE = 256  # more would keep an event loop busy
BLOCK_MILLISECONDS = 1000
RETRY_SECONDS = 0.25
EVERY_TENANT = "*"
BEGINNING = "0-0"
Entry = tuple[str, dict[str, str]]


class Announcement(NamedTuple):
    """A tenant whose control data changed, and the entry of the stream that says so: its id begins with the time."""

    tenant_id: str
    entry_id: str


def announce(tenant_id: str) -> str:
    """Say that the control data of a tenant changed and relays must load it again; answers the entry's id.

    Raises:
        StoreUnavailable: Redis did not answer; relays will hear of it from the next announcement.
    """
    entry_id = blocking().xadd(keys.announcements(), {"tenant": tenant_id}, maxlen=KEPT, approximate=True)
    return cast(str, entry_id)


async def announced_tenants(redis_on_loop: redis.asyncio.Redis) -> set[str]:
    """The tenants of all announcements that are kept.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    tenant_ids: set[str] = set()
    position = "-"
    while True:
        answer = await redis_on_loop.xrange(keys.announcements(), position, count=READ_AT_ONCE)
        entries = cast("list[Entry]", answer)
        tenant_ids.update(fields["tenant"] for _, fields in entries if "tenant" in fields)
        if len(entries) < READ_AT_ONCE:
            return tenant_ids
        position = f"({entries[-1][0]}"


async def changed_tenants() -> AsyncIterator[Announcement]:
    """Yield each tenant that is announced from now on, for ever.

    Yields ``EVERY_TENANT`` at the start, when Redis came back, and when announcements were missed:
    the listener loads again what it holds.
    """
    connection = on_loop(timeout_seconds=BLOCK_MILLISECONDS / 1000 * 1.5)
    position = ""
    try:
        while True:
            try:
                if not position:
                    position = await _last_position(connection)
                    yield Announcement(EVERY_TENANT, position)
                for entry_id, fields in await _entries_after(connection, position):
                    position = entry_id
                    yield Announcement(fields.get("tenant", EVERY_TENANT), entry_id)
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
