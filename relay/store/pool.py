"""Connections to Redis, one pool a process and event loop, with time limits of our own.

redis-py 8 would retry ten times: a stopped server would answer after 14 s. Here nothing is retried and
nothing waits longer than ``TIMEOUT_SECONDS``: whoever asks decides what then.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TypeVar

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 0.25
MOST_CONNECTIONS, POOL_SECONDS = 8, 2.0  # of one event loop; how long to wait for one of them
Answer = TypeVar("Answer")
StoreUnavailable = redis.RedisError
RedisOnLoop = redis.asyncio.Redis


@lru_cache(maxsize=1)
def blocking() -> redis.Redis:
    """Redis for threads: Django's actions, commands and Celery tasks. Strings come back as ``str``."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def on_loop(*, timeout_seconds: float = TIMEOUT_SECONDS) -> redis.asyncio.Redis:
    """Redis for the running event loop. Whoever opens it closes it with ``aclose``.

    A storm of handshakes waits for a connection of the pool, instead of opening one for each of them.
    """
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        max_connections=MOST_CONNECTIONS,
        timeout=POOL_SECONDS,
        decode_responses=True,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=AsyncRetry(NoBackoff(), 0),
    )
    return redis.asyncio.Redis.from_pool(pool)


async def answer_to(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask, and once more where the connection had died while it lay in the pool. Only for what may be asked twice.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    try:
        return await ask()
    except redis.ConnectionError:
        return await ask()
