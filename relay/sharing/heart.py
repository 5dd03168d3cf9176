"""The heartbeat of one relay process: the only thing that says that it is alive, however many tenants it serves.

A process that was taken for dead goes on under the name of another life. Whoever buries the former one late, because it
asked who is alive before, does no harm to the new one.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog

from relay.sharing.surroundings import Figures
from relay.store.pool import RedisOnLoop, StoreUnavailable
from relay.store.workers import ALIVE_SECONDS, BEAT_SECONDS, beat

log = structlog.get_logger()


class Heart:
    """Beats, and knows who else does.

    Attributes:
        revived: called when all that this process holds must be said again. It was taken for dead, or Redis has lost
            what was said: then others may have been let in in its place.
    """

    def __init__(self, redis_on_loop: RedisOnLoop, worker: str, figures: Figures) -> None:
        """Beat for ``worker``."""
        self._redis = redis_on_loop
        self._worker = worker
        self._figures = figures
        self.revived: Callable[[], None] = lambda: None
        self._life = 1
        self._generation = ""
        self._asked_at = float("-inf")  # when it was last asked, of what was answered
        self._is_new = True
        self._alive_until: dict[str, float] = {}
        self._beating = asyncio.Lock()

    @property
    def name(self) -> str:
        """The name of this process in its present life, under which its connections are counted."""
        return f"{self._worker}/{self._life}"

    def has_stopped(self, now: float) -> bool:
        """Tell whether the last beat is so long ago, in monotonic seconds, that others take this process for dead."""
        return now > self._asked_at + ALIVE_SECONDS

    async def beat_for_ever(self) -> None:
        """Beat once a second."""
        while True:
            with suppress(StoreUnavailable):  # whoever was alive is taken to be so still
                await self.beat()
            await asyncio.sleep(BEAT_SECONDS)

    async def beat(self) -> None:
        """Beat once: nobody waits for a beat that was asked for before.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        called_at = time.monotonic()
        async with self._beating:
            if self._asked_at >= called_at:
                return  # by another that waited too
            asked_at = time.monotonic()
            pulse = await beat(self._redis, self._worker, self._generation)
            heard_at = time.monotonic()
        is_lost = self._generation not in ("", pulse.generation)
        self._asked_at, self._generation, self._is_new = asked_at, pulse.generation, pulse.is_new
        self._alive_until = {name: heard_at + seconds for name, seconds in pulse.alive.items()}
        self._figures.workers = len(pulse.alive)
        if pulse.has_lapsed or is_lost:
            self._life += 1
            log.warning("taken_for_dead" if pulse.has_lapsed and not is_lost else "workers_forgotten", life=self._life)
            self.revived()

    async def dead_among(self, names: Iterable[str]) -> list[str]:
        """Those of other workers' ``names`` that are dead. Asks Redis, where one of them may be.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        now = time.monotonic()
        missed = [name for name in names if self._alive_until.get(_process_of(name), now) <= now]
        if not missed:
            return []
        await self.beat()  # whoever came since the last one is not to be buried
        return [name for name in missed if not self._is_new and _process_of(name) not in self._alive_until]


def _process_of(name: str) -> str:
    return name.partition("/")[0]
