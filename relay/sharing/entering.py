"""Lets connections in, over all relay processes together: handshake zones and caps, asked of Redis in one step.

What this process holds under each cap it says again every ``HOLD_SECONDS``. One that says nothing for ``ALIVE_SECONDS``
is taken for dead and its places are given free; if it was only stalled, it must give up what is too much.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import structlog

from relay.sharing.ending import end_tasks
from relay.sharing.surroundings import UNANSWERED, Surroundings
from relay.store.caps import HOLD_SECONDS, Entry, Held, Holding, Result, Who, enter, hold
from relay.throttle.limiter import Limiter
from relay.throttle.policy import LARGEST_PERIOD_NS, SECOND_NS, StoreAway, ZonePolicy
from relay.throttle.verdict import Action
from relay.throttle.zones import KeyedZone, ZoneKey, Zones

log = structlog.get_logger()
US_NS = 1_000
RETRY_ALONE_NS = 2 * SECOND_NS
End: TypeAlias = Callable[[], None]
AskedZones: TypeAlias = Sequence[tuple[ZoneKey, ZonePolicy]]


class NotLetIn(Exception):
    """A zone or cap is used up, or nobody can tell.

    ``by`` is what refuses, none where nobody can tell; ``wait_ns`` is after what time another try can succeed.
    """

    def __init__(self, by: KeyedZone | None, wait_ns: int) -> None:
        super().__init__(by.key.name if by else "unknown")
        self.by = by
        self.wait_ns = wait_ns


@dataclass(slots=True)
class Places:
    """What is held here under one cap. ``ends`` has one call for each connection, the newest last."""

    limit: int
    ends: dict[int, End] = field(default_factory=dict)
    total: int = 0  # of all workers, as last heard
    own_then: int = 0  # what was held here at that time


@dataclass(slots=True)
class TenantPlaces:
    """What is held of one tenant. ``asking`` has one speak to Redis at a time: an older figure must not come last."""

    who: Who
    places: dict[ZoneKey, Places] = field(default_factory=dict)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_away: bool = False
    has_left: bool = False  # a connection ended since it was last said what is held

    @property
    def holds_any(self) -> bool:
        """Tell whether a connection is open here."""
        return any(places.ends for places in self.places.values())


class Entering:
    """The handshake zones and caps of one process, shared with all others through Redis."""

    def __init__(self, around: Surroundings) -> None:
        """Begin with nothing held."""
        self._around = around
        self._tenants: dict[str, TenantPlaces] = {}
        self._alone = Zones()
        self._numbers = itertools.count(1)
        self._saying: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def entered(
        self, tenant_id: str, zones: Sequence[KeyedZone], caps: Sequence[KeyedZone], end: End
    ) -> AsyncIterator[int]:
        """Charge a handshake and count a connection as open until the end of the block.

        Args:
            tenant_id: whose connection it is.
            zones: limits on handshakes.
            caps: limits on open connections.
            end: called when the connection must go, since its place was given to another.

        Yields:
            How long the handshake must wait first, in nanoseconds.

        Raises:
            NotLetIn: nothing was charged or counted.
        """
        if not zones and not caps:
            yield 0
            return
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            tenant = self._tenants[tenant_id] = TenantPlaces(Who(tenant_id, self._around.worker, ""))
        number = next(self._numbers)
        async with tenant.asking:
            if tenant.has_left:
                await self._say_quietly(tenant)  # its place may be the one that is asked for
            wait_ns = await self._ask(tenant, zones, caps)
            for cap in caps:
                tenant.places.setdefault(cap.key, Places(cap.policy.permits)).ends[number] = end
        try:
            yield wait_ns
        finally:
            for cap in caps:
                tenant.places[cap.key].ends.pop(number, None)
            if caps and not (tenant.is_away or tenant.has_left):
                tenant.has_left = True
                self._say_soon(tenant)

    async def say_for_ever(self) -> None:
        """Say again and again what is held, tenant by tenant."""
        while True:
            await asyncio.sleep(HOLD_SECONDS)
            for tenant in list(self._tenants.values()):
                if tenant.places or tenant.is_away:
                    await self._say_in_turn(tenant)

    async def aclose(self) -> None:
        """End what is being said."""
        await end_tasks(self._saying)

    async def _ask(self, tenant: TenantPlaces, zones: Sequence[KeyedZone], caps: Sequence[KeyedZone]) -> int:
        if not tenant.is_away:
            try:
                return await self._ask_redis(tenant, zones, caps)
            except UNANSWERED as error:
                self._go_away(tenant, error)
        return self._ask_alone(tenant, zones, caps)

    async def _ask_redis(self, tenant: TenantPlaces, zones: Sequence[KeyedZone], caps: Sequence[KeyedZone]) -> int:
        for cap in caps:  # so that it is said again what is held, should the answer be lost
            tenant.places.setdefault(cap.key, Places(cap.policy.permits)).limit = cap.policy.permits
        asked = [(zone.key, zone.policy) for zone in zones], [(cap.key, cap.policy) for cap in caps]
        entry = await self._enter(tenant, *asked)
        if entry.result is Result.STRANGER:
            await self._say(tenant)
            entry = await self._enter(tenant, *asked)
        wait_ns = entry.wait_us * US_NS
        match entry.result:
            case Result.FULL:
                raise NotLetIn(caps[entry.refused_by], wait_ns)
            case Result.REJECTED:
                raise NotLetIn(zones[entry.refused_by], wait_ns)
            case Result.STRANGER | Result.UNSETTLED:
                raise NotLetIn(None, wait_ns)
            case Result.IN:
                pass
        for cap, total in zip(caps, entry.totals, strict=True):
            places = tenant.places[cap.key]
            places.total, places.own_then = total, len(places.ends) + 1
        return wait_ns

    async def _enter(self, tenant: TenantPlaces, zones: AskedZones, caps: AskedZones) -> Entry:
        asked = enter(self._around.redis, tenant.who, zones, caps, holds_any=tenant.holds_any)
        entry = await self._around.answer_to(asked)
        tenant.who = tenant.who._replace(generation=entry.generation)
        return entry

    def _ask_alone(self, tenant: TenantPlaces, zones: Sequence[KeyedZone], caps: Sequence[KeyedZone]) -> int:
        """Decide without Redis: within this process's part of what is free, and of the rates."""
        if any(keyed.store_away is StoreAway.REFUSE for keyed in (*zones, *caps)):
            raise NotLetIn(None, RETRY_ALONE_NS)
        workers = self._around.figures.workers
        for cap in caps:
            places = tenant.places.setdefault(cap.key, Places(cap.policy.permits))
            allowed = places.own_then + max(0, cap.policy.permits - places.total) // workers
            if cap.store_away is StoreAway.SHARE and len(places.ends) >= allowed:
                raise NotLetIn(cap, RETRY_ALONE_NS)
        now_ns = time.monotonic_ns()
        parts = [zone for zone in zones if zone.store_away is StoreAway.SHARE]
        local = [self._alone.zone(z.key, part_of(z.policy, workers), z.version, now_ns) for z in parts]
        limiter = Limiter(local)
        verdict = limiter.admit(now_ns)
        if verdict.action is Action.REJECT:
            decided = next(z for z, zone in zip(parts, local, strict=True) if zone is limiter.deciding_zone)
            raise NotLetIn(decided, verdict.wait_ns)
        return verdict.wait_ns

    def _say_soon(self, tenant: TenantPlaces) -> None:
        task = asyncio.create_task(self._say_who_left(tenant), name=f"places of {tenant.who.tenant_id}")
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _say_who_left(self, tenant: TenantPlaces) -> None:
        async with tenant.asking:
            if tenant.has_left:
                await self._say_quietly(tenant)

    async def _say_in_turn(self, tenant: TenantPlaces) -> None:
        async with tenant.asking:
            await self._say_quietly(tenant)

    async def _say_quietly(self, tenant: TenantPlaces) -> None:
        try:
            await self._say(tenant)
        except UNANSWERED as error:
            self._go_away(tenant, error)

    async def _say(self, tenant: TenantPlaces) -> None:
        tenant.has_left = False
        held = [Held(key, len(places.ends), places.limit) for key, places in tenant.places.items()]
        generation, holdings = await self._around.answer_to(hold(self._around.redis, tenant.who, held))
        tenant.who = tenant.who._replace(generation=generation)
        if tenant.is_away:
            tenant.is_away = False
            log.info("shared_caps_back", tenant=tenant.who.tenant_id)
        for (key, count, _), holding in zip(held, holdings, strict=True):
            self._hear(tenant, key, count, holding)

    def _hear(self, tenant: TenantPlaces, key: ZoneKey, count: int, holding: Holding) -> None:
        places = tenant.places[key]
        places.total, places.own_then = holding.total, count - holding.surplus
        if holding.surplus:
            log.error("connections_given_up", tenant=tenant.who.tenant_id, zone=key.name, count=holding.surplus)
            for end in list(places.ends.values())[-holding.surplus :]:
                end()
        if not places.ends:
            del tenant.places[key]

    def _go_away(self, tenant: TenantPlaces, error: Exception) -> None:
        if not tenant.is_away:
            tenant.is_away = True
            log.warning("shared_caps_alone", tenant=tenant.who.tenant_id, error=type(error).__name__)


def part_of(policy: ZonePolicy, workers: int) -> ZonePolicy:
    """One of so many equal parts of a limit on handshakes."""
    period_ns = min(policy.period_ns * workers, LARGEST_PERIOD_NS)
    burst = policy.burst // workers
    return replace(policy, period_ns=period_ns, burst=burst, delay=min(policy.delay, burst))
