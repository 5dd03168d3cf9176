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

from relay.store.breaker import Breakers

SCRIPTED = "EVAL", "EVALSHA"  # they say first what is carried out, and how many keys there are
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

    def __init__(
        self,
        *,
        at_once: int,
        patience_seconds: float,
        breakers: Breakers | None = None,
        **options: Any,  # noqa: ANN401 - redis-py's
    ) -> None:
        """Let ``at_once`` calls go at the same time, and others wait for ``patience_seconds``."""
        super().__init__(max_connections=2 * at_once, **options)  # a pipeline takes no turn
        self._turns = asyncio.Semaphore(at_once)
        self._patience_seconds = patience_seconds
        self._breakers = breakers

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
        if self._breakers is None:
            return await self._ask_in_turn(*args, **kwargs)
        key = _first_key(args)

        async def probe() -> None:
            await self._ask_in_turn("EXISTS", key) if key else await self._ask_in_turn("PING")

        return await self._breakers.guard(self._node_of(key), lambda: self._ask_in_turn(*args, **kwargs), probe)

    def _node_of(self, key: str) -> str:
        """The name of the node that has ``key``, or "" where that is not known."""
        try:
            node = self.get_node_from_key(key) if key else None
        except RedisClusterException:
            return ""
        return str(node.name) if node else ""

    async def _ask_in_turn(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as redis-py
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise redis.ConnectionError("No connection available.") from None
        try:
            ask: Any = super().execute_command  # redis-py's has no types
            return await ask(*args, **kwargs)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
        finally:
            self._turns.release()


def _first_key(command: tuple[Any, ...]) -> str:
    """The first key that a command names, or "" where it names none."""
    at = 3 if str(command[0]) in SCRIPTED else 1
    return str(command[at]) if len(command) > at else ""


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
