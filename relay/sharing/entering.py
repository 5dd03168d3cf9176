"""Lets connections in, over all relay processes together: handshake zones and caps, asked of Redis in one step.

What this process holds under each cap it says when that changes, and now and then. Of one whose heart stopped
(heart.py) the places are given free, when somebody needs one; if it was only stalled, it must give up what is too much.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import structlog

from relay.process.tasks import end_tasks
from relay.sharing.each import for_each
from relay.sharing.heart import Heart
from relay.sharing.holdings import End, Places, TenantPlaces, Waiting, first_of
from relay.sharing.surroundings import UNANSWERED, Surroundings
from relay.store.caps import Entries, Entry, Held, Holding, Newcomer, Result, Who, enter, hold
from relay.telemetry.defects import contained
from relay.throttle.limiter import Limiter
from relay.throttle.policy import LARGEST_PERIOD_NS, SECOND_NS, StoreAway, ZonePolicy
from relay.throttle.verdict import Action
from relay.throttle.zones import KeyedZone, ZoneKey, Zones

log = structlog.get_logger()
US_NS = 1_000
RETRY_ALONE_NS = 2 * SECOND_NS
SAY_SECONDS = 1.0  # how often one looks whether something must be said again
DECISION_SECONDS = 10.0  # in all: of a storm, those behind wait until the ones before them are decided
ENTER_SECONDS = 1.0  # that a handshake waits for Redis, and for a connection to it: it has more time than a message
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

    def __init__(self, around: Surroundings, heart: Heart) -> None:
        """Begin with nothing held. ``heart`` knows who is alive, and the name under which this process is counted."""
        self._around = around
        self._heart = heart
        self._must_say = asyncio.Event()
        heart.revived = self.say_all_again
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
            tenant = self._tenants[tenant_id] = TenantPlaces(tenant_id)
        one = Waiting(next(self._numbers), zones, caps, end, asyncio.get_running_loop().create_future())
        tenant.waiting.append(one)
        try:
            self._let_in_soon(tenant)
            yield await self._decision(one)
        finally:
            one.wait.cancel()  # nothing, where it was decided
            if tenant.give_back(one):
                self._say_soon(tenant)

    async def say_for_ever(self) -> None:
        """Say again what is held, where Redis may not know it."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SAY_SECONDS):
                    await self._must_say.wait()
            self._must_say.clear()
            now = time.monotonic()
            await for_each([one for one in self._tenants.values() if one.must_say(now)], self._say_in_turn)

    def say_all_again(self) -> None:
        """Others may have been let in in the place of those that are open here: have it all said at once."""
        for tenant in self._tenants.values():
            tenant.was_dead = True
        self._must_say.set()

    def __len__(self) -> int:
        """How many entries are kept, over all tenants."""
        return sum(1 + len(tenant.places) for tenant in self._tenants.values()) + len(self._alone)

    def forget_those_at_rest(self, now_ns: int) -> None:
        """Drop tenants of which nothing is open and nobody comes, and zones that are full again."""
        self._tenants = {tenant_id: tenant for tenant_id, tenant in self._tenants.items() if not tenant.is_at_rest}
        self._alone.forget_those_at_rest(now_ns)

    async def aclose(self) -> None:
        """End all tasks."""
        await end_tasks(self._tasks)

    async def _decision(self, one: Waiting) -> int:
        """Wait for the decision on one connection, but not for ever."""
        try:
            async with asyncio.timeout(DECISION_SECONDS):
                return await one.wait
        except TimeoutError:
            raise NotLetIn(None, RETRY_ALONE_NS) from None

    def _let_in_soon(self, tenant: TenantPlaces) -> None:
        if not tenant.is_letting_in:
            self._begin(self._let_in, tenant)
            tenant.is_letting_in = True

    def _begin(self, work: Callable[[TenantPlaces], Coroutine[None, None, None]], tenant: TenantPlaces) -> None:
        task = asyncio.create_task(work(tenant), name=f"places of {tenant.tenant_id}")
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._note_end(task, tenant))

    def _note_end(self, task: asyncio.Task[None], tenant: TenantPlaces) -> None:
        """Go on with those who wait, should the task have failed: it took the ones on whom it failed along."""
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        log.error("background_task_failed", task=task.get_name(), exc_info=task.exception())
        if tenant.waiting:
            self._let_in_soon(tenant)

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
                await _again_if_late(lambda: self._ask_redis(tenant, _undecided(together)))
            except UNANSWERED as error:
                self._go_away(tenant, error)
            else:
                return
        for one in _undecided(together):
            self._decide_alone(tenant, one)

    def _decide_alone(self, tenant: TenantPlaces, one: Waiting) -> None:
        try:
            wait_ns = self._ask_alone(tenant, one.zones, one.caps)
        except NotLetIn as refusal:
            _refuse(one, refusal)
        else:
            _accept(tenant, one, wait_ns)

    async def _ask_redis(self, tenant: TenantPlaces, together: Sequence[Waiting]) -> None:
        if not together:  # they have left, or were decided before an answer was late
            return
        if self._heart.has_stopped(time.monotonic()):
            await self._around.answer_to(self._heart.beat(), ENTER_SECONDS)
        if tenant.was_dead:
            await self._say(tenant, tenant.places)
        entries = await self._enter(tenant, together)
        if entries.each[0].result is Result.STRANGER:
            await self._say(tenant, tenant.places)
            entries = await self._enter(tenant, together)
        full = []
        for one, entry in zip(together, entries.each, strict=True):
            if entry.result is Result.FULL:
                full.append((one, entry))
            else:
                _answer(tenant, one, entry)
        if full:
            await self._answer_full(tenant, full, entries.others)

    async def _answer_full(
        self, tenant: TenantPlaces, full: Sequence[tuple[Waiting, Entry]], others: Sequence[str]
    ) -> None:
        """Ask once more without the dead who have places, if there are such."""
        try:
            dead = await self._around.answer_to(self._heart.dead_among(others), ENTER_SECONDS)
        except UNANSWERED:
            dead = []
        if dead:
            together = [one for one, _ in full]
            entries = await self._enter(tenant, together, dead)
            full = list(zip(together, entries.each, strict=True))
        for one, entry in full:
            _answer(tenant, one, entry)

    async def _enter(self, tenant: TenantPlaces, together: Sequence[Waiting], dead: Sequence[str] = ()) -> Entries:
        newcomers = []
        for one in together:
            for cap in one.caps:  # so that it is said again what is held, should the answer be lost
                tenant.places.setdefault(cap.key, Places(cap.policy.permits)).limit = cap.policy.permits
            rates = tuple((zone.key, zone.policy) for zone in one.zones)
            held = (Held(cap.key, len(tenant.places[cap.key].ends), cap.policy.permits) for cap in one.caps)
            newcomers.append(Newcomer(rates, tuple(held)))
        asking = enter(self._around.redis, self._who(tenant), newcomers, dead)
        entries = await self._around.answer_to(asking, ENTER_SECONDS)
        tenant.generation = entries.generation
        if all(entry.result not in {Result.STRANGER, Result.UNSETTLED} for entry in entries.each):
            for newcomer in newcomers:
                for asked in newcomer.caps:
                    tenant.places[asked.key].told = asked.connections
        return entries

    def _who(self, tenant: TenantPlaces) -> Who:
        return Who(tenant.tenant_id, self._heart.name, tenant.generation)

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
            self._begin(self._say_who_left, tenant)
            tenant.is_leaving = True

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
            await _again_if_late(lambda: self._say(tenant, which))
        except UNANSWERED as error:
            self._go_away(tenant, error)

    async def _say(self, tenant: TenantPlaces, which: Mapping[ZoneKey, Places]) -> None:
        held = [Held(key, len(places.ends), places.limit) for key, places in which.items()]
        said_at, was_dead = time.monotonic(), tenant.was_dead
        who = self._who(tenant)
        asking = hold(self._around.redis, who, held, was_dead=was_dead)
        generation, holdings = await self._around.answer_to(asking, ENTER_SECONDS)
        tenant.generation = generation
        if which is tenant.places:
            tenant.said_at = said_at
            tenant.was_dead = tenant.was_dead and who.worker != self._heart.name
        if tenant.is_away:
            tenant.is_away = False
            if not any(one.is_away for one in self._tenants.values()):
                log.info("shared_caps_back")
        for (key, count, _), holding in zip(held, holdings, strict=True):
            self._hear(tenant, key, count, holding)

    def _hear(self, tenant: TenantPlaces, key: ZoneKey, count: int, holding: Holding) -> None:
        places = tenant.places[key]
        places.told = count - holding.surplus
        places.total, places.own_then = holding.total, places.told
        if holding.surplus:
            log.error("connections_given_up", tenant=tenant.tenant_id, zone=key.name, count=holding.surplus)
            for number in list(places.ends)[-holding.surplus :]:
                end = places.ends.pop(number)  # it counts no more from now on, however long it takes to close
                with contained("place"):
                    end()
        if not places.ends:
            del tenant.places[key]

    def _go_away(self, tenant: TenantPlaces, error: Exception) -> None:
        if not tenant.is_away:
            is_first = not any(one.is_away for one in self._tenants.values())
            tenant.is_away = True
            if is_first:  # one line for all tenants
                log.warning("shared_caps_alone", tenant=tenant.tenant_id, error=type(error).__name__)


async def _again_if_late(ask: Callable[[], Coroutine[None, None, None]]) -> None:
    """Ask Redis, and once more where it did not answer: one answer that is late does not make it one that is away.

    What is asked tells how much is held, so that asking twice counts no connection twice. A zone of handshakes may be
    charged twice.
    """
    try:
        await ask()
    except UNANSWERED:
        await ask()


def _undecided(together: Sequence[Waiting]) -> Sequence[Waiting]:
    return [one for one in together if not one.wait.done()]


def _answer(tenant: TenantPlaces, one: Waiting, entry: Entry) -> None:
    """Tell one who waits what Redis answered."""
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
