"""Redis Cluster, behind the calls that a single Redis has. Keys of a tenant lie together: no call needs two nodes."""

import asyncio
from itertools import starmap
from typing import Any
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.cluster import ClusterNode as AsyncClusterNode
from redis.cluster import ClusterNode
from redis.connection import parse_url
from redis.exceptions import RedisClusterException

SUFFIX = "+cluster"  # of a URL's scheme; several hosts stand in it, with commas between


def is_cluster(url: str) -> bool:
    """Tell whether ``url`` leads to a cluster."""
    return urlsplit(url).scheme.endswith(SUFFIX)


class Cluster(redis.RedisCluster):
    """A cluster for threads. What redis-py says of a cluster as a whole is a Redis that is not there."""

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as redis-py
        """As of a single Redis.

        Raises:
            redis.RedisError: the cluster did not answer.
        """
        ask: Any = super().execute_command  # redis-py's has no types
        try:
            return ask(*args, **kwargs)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error


class ClusterOnLoop(redis.asyncio.RedisCluster):
    """A cluster for one event loop. A storm of calls waits for its turn, instead of opening a connection for each."""

    def __init__(self, *, at_once: int, patience_seconds: float, **options: Any) -> None:  # noqa: ANN401 - redis-py's
        """Let ``at_once`` calls go at the same time, and others wait for ``patience_seconds``."""
        super().__init__(max_connections=2 * at_once, **options)  # a pipeline takes no turn
        self._turns = asyncio.Semaphore(at_once)
        self._patience_seconds = patience_seconds

    async def initialize(self, *args: Any, **kwargs: Any) -> "ClusterOnLoop":  # noqa: ANN401 - as redis-py
        """Find the nodes, where that is not done.

        Raises:
            redis.RedisError: none of them answered.
        """
        try:
            await super().initialize(*args, **kwargs)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
        return self

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as redis-py
        """As of a single Redis.

        Raises:
            redis.RedisError: the cluster did not answer.
        """
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise redis.ConnectionError("No connection available.") from None
        try:
            return await super().execute_command(*args, **kwargs)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
        finally:
            self._turns.release()


def open_cluster(url: str, **options: Any) -> Cluster:  # noqa: ANN401 - redis-py's
    """A cluster for threads.

    Raises:
        redis.RedisError: no node answered.
    """
    nodes, who = _nodes_and_options(url)
    try:
        return Cluster(startup_nodes=list(starmap(ClusterNode, nodes)), **who, **options)
    except RedisClusterException as error:
        raise redis.ConnectionError(str(error)) from error


def open_cluster_on_loop(url: str, **options: Any) -> ClusterOnLoop:  # noqa: ANN401 - redis-py's
    """A cluster for the running event loop."""
    nodes, who = _nodes_and_options(url)
    return ClusterOnLoop(startup_nodes=list(starmap(AsyncClusterNode, nodes)), **who, **options)


def _nodes_and_options(url: str) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """Host and port of each node that the URL names, and what else it says: who logs in, and TLS."""
    parts = urlsplit(url)
    secret, at, hosts = parts.netloc.rpartition("@")
    scheme = parts.scheme.removesuffix(SUFFIX)
    each = list(map(parse_url, (f"{scheme}://{secret}{at}{host}?{parts.query}" for host in hosts.split(","))))
    nodes = [(str(node.pop("host", "localhost")), int(str(node.pop("port", 6379)))) for node in each]
    options = {name: value for name, value in each[0].items() if name != "connection_class"}
    return nodes, options | ({"ssl": True} if scheme == "rediss" else {})
