"""What all that shares limits with other relay processes has in common within one."""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from relay.store.pool import RedisOnLoop, StoreUnavailable
from relay.throttle.leases import LeasedZone, Standing

Answer = TypeVar("Answer")
PROBE_SECONDS = 0.1, 0.2  # while Redis is away; at random in between, or all processes would come at once
LATE_SECONDS = 0.005
UNANSWERED = (StoreUnavailable, TimeoutError)  # what answer_to raises


@dataclass(slots=True)
class Figures:
    """What is told of shared limits.

    Attributes:
        workers: relay processes that were alive when somebody last looked; this one is among them.
        round_trips: calls for permits that Redis answered.
        generations_lost: how often Redis had forgotten what was granted.
        away: tenants whose limits go on without Redis.
        fullness_of: by tenant; then by scope, zone and seconds, what all processes admitted of what is allowed, of the
            fullest.
    """

    workers: int = 1
    round_trips: int = 0
    generations_lost: int = 0
    away: set[str] = field(default_factory=set)
    fullness_of: dict[str, dict[tuple[str, str, int], float]] = field(default_factory=dict)

    @property
    def fullness(self) -> dict[tuple[str, str, str, int], float]:
        """All of it, by tenant, scope, zone and seconds."""
        return {(tenant, *of): ratio for tenant, ratios in self.fullness_of.items() for of, ratio in ratios.items()}


class Room(Protocol):
    """Where those stand who wait for permits of shared zones."""

    def standing(self, zone: LeasedZone) -> Standing:
        """Who waits for ``zone``, and for how many permits."""

    def wake(self, zone: LeasedZone) -> None:
        """Ask those who wait for ``zone`` again: an answer came."""


class Probing:
    """When somebody may try whether Redis is back: one tenant now and then, and after it the others, once each."""

    def __init__(self) -> None:
        """Begin where nobody has tried."""
        self._next = self._found = 0.0

    def is_due(self, now: float, tried: float) -> bool:
        """Tell whether a tenant that ``tried`` last at that time may try now, both in monotonic seconds."""
        if tried < self._found:
            return True
        if now < self._next:
            return False
        self._next = now + random.uniform(*PROBE_SECONDS)
        return True

    def found(self, now: float) -> None:
        """Redis answered."""
        self._found = now


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The same for all tenants.

    ``worker`` is this process's name, which no other has. ``decision_seconds`` is how long Redis may take to answer
    before a policy says what happens without it.
    """

    redis: RedisOnLoop
    worker: str
    room: Room
    figures: Figures
    decision_seconds: float
    probing: Probing = field(default_factory=Probing)

    async def answer_to(self, question: Coroutine[None, None, Answer], patience_seconds: float | None = None) -> Answer:
        """Wait for Redis' answer, as long as a decision may take, or ``patience_seconds``.

        What this process itself was late is given to Redis once more: its answer may have come meanwhile, unread.

        Raises:
            TimeoutError: no answer came.
            StoreUnavailable: Redis can't be reached, or refuses.
        """
        patience_seconds = max(patience_seconds or 0.0, self.decision_seconds)
        loop, asked = asyncio.get_running_loop(), asyncio.ensure_future(question)
        try:
            for _ in range(2):
                due = loop.time() + patience_seconds
                await asyncio.wait({asked}, timeout=patience_seconds)
                if asked.done() or loop.time() < due + LATE_SECONDS:
                    break
            if not asked.done():
                raise TimeoutError
            return asked.result()
        finally:
            asked.cancel()
