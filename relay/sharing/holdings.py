"""What one relay process holds of a tenant's caps, and who waits to be let in."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from relay.store.caps import Who
from relay.throttle.zones import KeyedZone, ZoneKey

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

    who: Who
    places: dict[ZoneKey, Places] = field(default_factory=dict)
    waiting: deque[Waiting] = field(default_factory=deque)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_away: bool = False
    is_letting_in: bool = False  # a task goes through those who wait
    is_leaving: bool = False  # a task will say who has left

    @property
    def holds_any(self) -> bool:
        """Tell whether a connection is open here."""
        return any(places.ends for places in self.places.values())

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
