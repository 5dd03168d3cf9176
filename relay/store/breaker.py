"""The circuit breaker of Redis: while it does not answer nobody asks, but for one that tries whether it is back.

In a cluster each node has its own: whose node is away takes nobody else down.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import redis
import structlog

log = structlog.get_logger()
PROBE_SECONDS = 0.1, 0.2  # between two tries; at random in between, or all processes would come at once
PATIENCE_SECONDS = 1.0  # of a try, which may have to connect anew: three times the way there and back
UNREACHABLE = redis.ConnectionError, redis.TimeoutError  # it did not answer; it may have heard all the same
NO_CONNECTION = "No connection available"  # the pool's words: it is this process that asks too much at once
Ask: TypeAlias = Callable[[], Awaitable[Any]]


class CircuitOpen(redis.ConnectionError):
    """Nothing was asked: Redis did not answer a moment ago."""


class Breakers:
    """What one process knows of which nodes don't answer. A single Redis is one node."""

    def __init__(self) -> None:
        """Begin where all answer."""
        self._away: set[str] = set()
        self._probes: dict[str, asyncio.Task[None]] = {}

    @property
    def are_closed(self) -> bool:
        """Tell whether all nodes answer, as far as is known."""
        return not self._away

    async def guard(self, node: str, ask: Ask, probe: Ask) -> Any:  # noqa: ANN401 - as redis-py answers
        """Ask ``node``, unless it is away. If it does not answer, ``probe`` asks it until it does.

        Raises:
            CircuitOpen: it is away, and was not asked.
            redis.RedisError: it did not answer, or refused.
        """
        if node in self._away:
            raise CircuitOpen
        try:
            return await ask()
        except UNREACHABLE as error:
            if node not in self._probes and NO_CONNECTION not in str(error):
                probing = self._probe_until_it_answers(node, probe, type(error).__name__)
                self._probes[node] = asyncio.create_task(probing, name=f"probe of Redis {node}")
            raise

    async def aclose(self) -> None:
        """End all tries."""
        probes = list(self._probes.values())
        for task in probes:
            task.cancel()
        await asyncio.gather(*probes, return_exceptions=True)

    async def _probe_until_it_answers(self, node: str, probe: Ask, error: str) -> None:
        """Open the circuit if a try fails too: one connection that broke says nothing. Close it once one succeeds."""
        began = time.monotonic()
        try:
            while not await _answers(probe):
                if node not in self._away:
                    self._away.add(node)
                    log.warning("redis_away", node=node, error=error)
                await asyncio.sleep(random.uniform(*PROBE_SECONDS))
            if node in self._away:
                log.info("redis_back", node=node, seconds=time.monotonic() - began)
        finally:
            self._away.discard(node)
            del self._probes[node]


async def _answers(probe: Ask) -> bool:
    """Tell whether Redis answers. That it refuses is an answer: whoever asks what it refuses is told so."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await probe()
    except (*UNREACHABLE, OSError, TimeoutError):
        return False
    except redis.RedisError:
        return True
    except Exception:
        log.exception("probe_failed")
        return False
    return True
