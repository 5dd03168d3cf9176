"""What one relay process holds of a tenant's caps, and who waits to be let in."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from relay.throttle.zones import KeyedZone, ZoneKey

SAY_AGAIN_SECONDS = 30.0  # where nothing changed: a replica may have taken over that lagged behind
MOST_TOGETHER = 64  # connections that are decided in one round trip
End: TypeAlias = Callable[[], None]


@dataclass(slots=True)
class Places:
    """What is held here under one cap. ``ends`` has one call for each connection, the newest last."""

    limit: int
    ends: dict[int, End] = field(default_factory=dict)
    told: int = 0  # how many connections the store was told of
    total: int = 0  # of all workers, as last heard
    own_then: int = 0  # what was held here at that time


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A connection that wants to be let in. ``wait`` becomes how long its handshake must wait first, in nanoseconds."""

    number: int
    zones: Sequence[KeyedZone]
    caps: Sequence[KeyedZone]
    end: End
    wait: asyncio.Future[int]


@dataclass(slots=True, eq=False)
class TenantPlaces:
    """What is held of one tenant. ``asking`` has one speak to Redis at a time: an older figure must not come last."""

    tenant_id: str
    generation: str = ""  # of Redis' data, as last heard
    places: dict[ZoneKey, Places] = field(default_factory=dict)
    waiting: deque[Waiting] = field(default_factory=deque)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    said_at: float = field(default_factory=time.monotonic)  # when all of it was said
    is_away: bool = False
    was_dead: bool = False  # others may have been let in in its place since it was said
    is_letting_in: bool = False  # a task goes through those who wait
    is_leaving: bool = False  # a task will say who has left

    def must_say(self, now: float) -> bool:
        """Tell whether to say all that is held again: Redis may not know it, or know something else."""
        is_overdue = bool(self.places) and now > self.said_at + SAY_AGAIN_SECONDS
        return self.is_away or self.was_dead or is_overdue

    @property
    def is_at_rest(self) -> bool:
        """Tell whether nothing is held, nobody waits, and Redis knows it."""
        is_busy = self.waiting or self.is_letting_in or self.is_leaving or self.asking.locked()
        return not (self.places or is_busy)

    def take(self, one: Waiting) -> None:
        """Count it as open from now on."""
        for cap in one.caps:
            self.places.setdefault(cap.key, Places(cap.policy.permits)).ends[one.number] = one.end

    def give_back(self, one: Waiting) -> bool:
        """Count it no more; tell whether it was counted."""
        counted = [places for cap in one.caps if (places := self.places.get(cap.key)) and one.number in places.ends]
        for places in counted:
            del places.ends[one.number]
        return bool(counted)


def first_of(waiting: deque[Waiting]) -> list[Waiting]:
    """Take those from the front who can be decided in one round trip: what they have in common is the same in all."""
    together: list[Waiting] = []
    limits: dict[ZoneKey, object] = {}
    while waiting and len(together) < MOST_TOGETHER:
        own = {keyed.key: keyed.policy for keyed in (*waiting[0].zones, *waiting[0].caps)}
        if any(limits.get(key, policy) != policy for key, policy in own.items()):
            break  # one knows another version than those before it
        limits |= own
        together.append(waiting.popleft())
    return together
