"""Lets connections in, over all relay processes together: handshake zones and caps, asked of Redis in one step.

What this process holds under each cap it says again every ``HOLD_SECONDS``. One that says nothing for ``ALIVE_SECONDS``
is taken for dead and its places are given free; if it was only stalled, it must give up what is too much.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from relay.process.tasks import end_tasks
from relay.sharing.holdings import End, Places, TenantPlaces, Waiting, first_of
from relay.sharing.surroundings import UNANSWERED, Surroundings
from relay.store.caps import HOLD_SECONDS, Entry, Held, Holding, Newcomer, Result, Who, enter, hold
from relay.throttle.limiter import Limiter
from relay.throttle.policy import LARGEST_PERIOD_NS, SECOND_NS, StoreAway, ZonePolicy
from relay.throttle.verdict import Action
from relay.throttle.zones import KeyedZone, ZoneKey, Zones

log = structlog.get_logger()
US_NS = 1_000
RETRY_ALONE_NS = 2 * SECOND_NS
LEFT_SECONDS = 0.005  # a handshake that comes within this says along who has left


class NotLetIn(Exception):
    """A zone or cap is used up, or nobody can tell.

    ``by`` is what refuses, none where nobody can tell; ``wait_ns`` is after what time another try can succeed.
    """

    def __init__(self, by: KeyedZone | None, wait_ns: int) -> None:
        super().__init__(by.key.name if by else "unknown")
        self.by = by
        self.wait_ns = wait_ns


class Entering:
    """The handshake zones and caps of one process, shared with all others through Redis."""

    def __init__(self, around: Surroundings) -> None:
        """Begin with nothing held."""
        self._around = around
        self._tenants: dict[str, TenantPlaces] = {}
        self._alone = Zones()
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

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
        one = Waiting(next(self._numbers), zones, caps, end, asyncio.get_running_loop().create_future())
        tenant.waiting.append(one)
        if not tenant.is_letting_in:
            tenant.is_letting_in = True
            self._begin(self._let_in(tenant), tenant)
        try:
            yield await one.wait
        finally:
            if tenant.give_back(one):
                self._say_soon(tenant)

    async def say_for_ever(self) -> None:
        """Say again and again what is held, tenant by tenant."""
        while True:
            await asyncio.sleep(HOLD_SECONDS)
            for tenant in list(self._tenants.values()):
                if tenant.places or tenant.is_away:
                    await self._say_in_turn(tenant)

    def __len__(self) -> int:
        """How many entries are kept, over all tenants."""
        return sum(1 + len(tenant.places) for tenant in self._tenants.values()) + len(self._alone)

    def forget_those_at_rest(self) -> None:
        """Drop tenants of which nothing is open and nobody comes, and zones that are full again."""
        self._tenants = {tenant_id: tenant for tenant_id, tenant in self._tenants.items() if not tenant.is_at_rest}
        self._alone.forget_those_at_rest(time.monotonic_ns())

    async def aclose(self) -> None:
        """End all tasks."""
        await end_tasks(self._tasks)

    def _begin(self, work: Coroutine[None, None, None], tenant: TenantPlaces) -> None:
        task = asyncio.create_task(work, name=f"places of {tenant.who.tenant_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_in(self, tenant: TenantPlaces) -> None:
        """Decide those who wait, and those who come meanwhile: as many as there are in one round trip."""
        try:
            while tenant.waiting:
                async with tenant.asking:
                    together = first_of(tenant.waiting)
                    try:
                        await self._decide(tenant, together)
                    finally:
                        for one in together:
                            one.wait.cancel()  # nothing, where it was decided
                if any(one.wait.cancelled() for one in together):
                    self._say_soon(tenant)  # it may have been let in all the same
        finally:
            tenant.is_letting_in = False

    async def _decide(self, tenant: TenantPlaces, together: Sequence[Waiting]) -> None:
        if not tenant.is_away:
            try:
                await self._ask_redis(tenant, together)
            except UNANSWERED as error:
                self._go_away(tenant, error)
            else:
                return
        for one in together:
            try:
                wait_ns = self._ask_alone(tenant, one.zones, one.caps)
            except NotLetIn as refusal:
                _refuse(one, refusal)
            else:
                _accept(tenant, one, wait_ns)

    async def _ask_redis(self, tenant: TenantPlaces, together: Sequence[Waiting]) -> None:
        entries = await self._enter(tenant, together)
        if entries[0].result is Result.STRANGER:
            await self._say(tenant, tenant.places)
            entries = await self._enter(tenant, together)
        for one, entry in zip(together, entries, strict=True):
            wait_ns = entry.wait_us * US_NS
            match entry.result:
                case Result.FULL:
                    _refuse(one, NotLetIn(one.caps[entry.refused_by], wait_ns))
                case Result.REJECTED:
                    _refuse(one, NotLetIn(one.zones[entry.refused_by], wait_ns))
                case Result.STRANGER | Result.UNSETTLED:
                    _refuse(one, NotLetIn(None, wait_ns))
                case Result.IN:
                    for cap, total in zip(one.caps, entry.totals, strict=True):
                        places = tenant.places[cap.key]
                        places.told += 1
                        places.total, places.own_then = total, places.told
                    _accept(tenant, one, wait_ns)

    async def _enter(self, tenant: TenantPlaces, together: Sequence[Waiting]) -> list[Entry]:
        newcomers = []
        for one in together:
            for cap in one.caps:  # so that it is said again what is held, should the answer be lost
                tenant.places.setdefault(cap.key, Places(cap.policy.permits)).limit = cap.policy.permits
            rates = tuple((zone.key, zone.policy) for zone in one.zones)
            held = (Held(cap.key, len(tenant.places[cap.key].ends), cap.policy.permits) for cap in one.caps)
            newcomers.append(Newcomer(rates, tuple(held)))
        holds_any = tenant.holds_any
        entries = await self._around.answer_to(enter(self._around.redis, tenant.who, newcomers, holds_any=holds_any))
        tenant.who = tenant.who._replace(generation=entries[0].generation)
        if all(entry.result not in {Result.STRANGER, Result.UNSETTLED} for entry in entries):
            for newcomer in newcomers:
                for asked in newcomer.caps:
                    tenant.places[asked.key].told = asked.connections
        return entries

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
        if not (tenant.is_away or tenant.is_leaving):
            tenant.is_leaving = True
            self._begin(self._say_who_left(tenant), tenant)

    async def _say_who_left(self, tenant: TenantPlaces) -> None:
        await asyncio.sleep(LEFT_SECONDS)
        async with tenant.asking:
            tenant.is_leaving = False
            left = {key: places for key, places in tenant.places.items() if len(places.ends) != places.told}
            if left:
                await self._say_quietly(tenant, left)

    async def _say_in_turn(self, tenant: TenantPlaces) -> None:
        async with tenant.asking:
            await self._say_quietly(tenant, tenant.places)

    async def _say_quietly(self, tenant: TenantPlaces, which: Mapping[ZoneKey, Places]) -> None:
        try:
            await self._say(tenant, which)
        except UNANSWERED as error:
            self._go_away(tenant, error)

    async def _say(self, tenant: TenantPlaces, which: Mapping[ZoneKey, Places]) -> None:
        held = [Held(key, len(places.ends), places.limit) for key, places in which.items()]
        generation, holdings = await self._around.answer_to(hold(self._around.redis, tenant.who, held))
        tenant.who = tenant.who._replace(generation=generation)
        if tenant.is_away:
            tenant.is_away = False
            log.info("shared_caps_back", tenant=tenant.who.tenant_id)
        for (key, count, _), holding in zip(held, holdings, strict=True):
            self._hear(tenant, key, count, holding)

    def _hear(self, tenant: TenantPlaces, key: ZoneKey, count: int, holding: Holding) -> None:
        places = tenant.places[key]
        places.told = count - holding.surplus
        places.total, places.own_then = holding.total, places.told
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


def _accept(tenant: TenantPlaces, one: Waiting, wait_ns: int) -> None:
    if not one.wait.done():  # it has not gone already
        tenant.take(one)
        one.wait.set_result(wait_ns)


def _refuse(one: Waiting, refusal: NotLetIn) -> None:
    if not one.wait.done():
        one.wait.set_exception(refusal)


def part_of(policy: ZonePolicy, workers: int) -> ZonePolicy:
    """One of so many equal parts of a limit on handshakes."""
    period_ns = min(policy.period_ns * workers, LARGEST_PERIOD_NS)
    burst = policy.burst // workers
    return replace(policy, period_ns=period_ns, burst=burst, delay=min(policy.delay, burst))
