"""One step for each of many tenants: a few at a time, and an exception in one is that one's alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

log = structlog.get_logger()
Item = TypeVar("Item")
AT_ONCE = 8  # calls to Redis beside those that messages and handshakes wait for


async def for_each(items: Iterable[Item], step: Callable[[Item], Awaitable[None]], *, at_once: int = AT_ONCE) -> None:
    """Do ``step`` for each of ``items``."""
    listed = list(items)
    left = iter(listed)

    async def take() -> None:
        for item in left:
            try:
                await step(item)
            except Exception:
                log.exception("background_step_failed", step=step.__qualname__)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(listed))):
            group.create_task(take())
