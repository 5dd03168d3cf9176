"""Connections to Redis, one pool a process and event loop, with time limits of our own.

redis-py 8 would retry ten times: a stopped server would answer after 14 s. Here nothing is retried and
nothing waits longer than ``TIMEOUT_SECONDS``: whoever asks decides what then.
"""

from functools import lru_cache

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 0.25
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
    """Redis for the running event loop. Whoever opens it closes it with ``aclose``."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=AsyncRetry(NoBackoff(), 0),
    )
