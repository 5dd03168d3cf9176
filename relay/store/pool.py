"""Connections to Redis or Redis Cluster, one pool a process and event loop, with time limits of our own.

redis-py 8 would retry ten times: a stopped server would answer after 14 s. Here nothing is retried and
nothing waits longer than ``TIMEOUT_SECONDS``: whoever asks decides what then.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from relay.store.breaker import Breakers
from relay.store.cluster import is_cluster, open_cluster, open_cluster_on_loop

TIMEOUT_SECONDS = 0.25
MOST_CONNECTIONS, POOL_SECONDS = 16, 2.0  # of one event loop; how long to wait for one of them
Answer = TypeVar("Answer")
StoreUnavailable = redis.RedisError
RedisOnLoop = redis.asyncio.Redis


class GuardedRedis(redis.asyncio.Redis):
    """A Redis that is not asked while it is away."""

    breakers: Breakers | None = None

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py
        """As it is.

        Raises:
            redis.RedisError: it did not answer, or does not at the moment.
        """
        ask: Any = super().execute_command  # redis-py's has no types
        if self.breakers is None:
            return await ask(*args, **options)
        return await self.breakers.guard("", lambda: ask(*args, **options), lambda: ask("PING"))


@lru_cache(maxsize=1)
def blocking() -> redis.Redis:
    """Redis for threads: Django's actions, commands and Celery tasks. Strings come back as ``str``."""
    url, retry = settings.REDIS_URL, Retry(NoBackoff(), 0)
    limits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    if is_cluster(url):  # has the methods that are used of a single Redis
        return cast(redis.Redis, open_cluster(url, decode_responses=True, retry=retry, **limits))
    return redis.Redis.from_url(url, decode_responses=True, retry=retry, **limits)


def on_loop(*, timeout_seconds: float = TIMEOUT_SECONDS, breakers: Breakers | None = None) -> redis.asyncio.Redis:
    """Redis for the running event loop. Whoever opens it closes it with ``aclose``, and ``breakers`` too.

    A storm of handshakes waits for a connection of the pool, instead of opening one for each of them.
    """
    url, retry = settings.REDIS_URL, AsyncRetry(NoBackoff(), 0)
    limits = {"socket_timeout": timeout_seconds, "socket_connect_timeout": TIMEOUT_SECONDS}
    if is_cluster(url):
        turns = {"at_once": MOST_CONNECTIONS, "patience_seconds": POOL_SECONDS}
        cluster = open_cluster_on_loop(url, decode_responses=True, retry=retry, breakers=breakers, **limits, **turns)
        return cast(redis.asyncio.Redis, cluster)
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, max_connections=MOST_CONNECTIONS, timeout=POOL_SECONDS, decode_responses=True, retry=retry, **limits
    )
    opened = cast("GuardedRedis", GuardedRedis.from_pool(pool))
    opened.breakers = breakers
    return opened


async def answer_to(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask, and once more where the connection had died while it lay in the pool. Only for what may be asked twice.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    try:
        return await ask()
    except redis.ConnectionError:
        return await ask()
