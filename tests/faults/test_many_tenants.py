"""Caps of 200 tenants over two processes whose Redis takes 100 ms for each answer."""

import asyncio
import gc
import random
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import pytest
import pytest_asyncio
import redis

from relay.process.tasks import end_tasks
from relay.sharing.entering import NotLetIn
from relay.sharing.sharing import Sharing
from relay.splicing.waiting import WaitingRoom
from relay.store.pool import blocking
from relay.throttle.policy import Beyond, Counted, Scope, StoreAway, ZonePolicy
from relay.throttle.zones import KeyedZone, ZoneKey
from tests.relay.eventually import eventually, turns

pytestmark = pytest.mark.asyncio
TENANTS, MOST, EACH_WAY_MS = 200, 3, 50
STAY_SECONDS, VISITORS = (5.0, 40.0), 2  # of each tenant, at each process
LATE_MS = 220  # with the way there and back, more than an answer may take
FREE_SECONDS = 10.0  # after which a dead process's places are free
CAP = ZonePolicy(name="open", permits=MOST, counted=Counted.OPEN_CONNECTIONS, beyond=Beyond.REJECT)


class Process:
    """What one relay process shares, with the tasks that run beside it."""

    def __init__(self):
        self.sharing = Sharing(WaitingRoom(asyncio.get_running_loop()))
        work = self.sharing.heart.beat_for_ever, self.sharing.entering.say_for_ever
        self.tasks = [asyncio.create_task(beside()) for beside in work]

    async def end(self):
        """End it in good order, or what is left of it."""
        await end_tasks(self.tasks)
        await self.sharing.aclose()


class Visits:
    """Who has a connection of which tenant, and what became of those that asked for one."""

    def __init__(self):
        self.open, self.most, self.ended, self.outcomes = Counter(), Counter(), [], Counter()

    async def stay(self, process, tenant_id, over):
        """Have one connection until told otherwise."""
        keyed = KeyedZone(ZoneKey(Scope.TENANT, tenant_id, "p1", "open"), CAP, 1)
        async with process.sharing.entering.entered(tenant_id, (), (keyed,), lambda: self.ended.append(tenant_id)):
            self.open[tenant_id] += 1
            self.most[tenant_id] = max(self.most[tenant_id], self.open[tenant_id])
            self.outcomes["in"] += 1
            try:
                await over()
            finally:
                self.open[tenant_id] -= 1

    async def insist(self, process, tenant_id):
        """Try until there is a place, and keep it."""
        while True:
            with suppress(NotLetIn):
                await self.stay(process, tenant_id, asyncio.Event().wait)
            await turns(0.3)

    async def come_and_go(self, process, tenant_id, chance):
        """Have a connection for a while, again and again."""
        while True:
            try:
                await turns(chance.uniform(0, STAY_SECONDS[0]))
                await self.stay(process, tenant_id, lambda: turns(chance.uniform(*STAY_SECONDS)))
            except NotLetIn as refusal:
                self.outcomes["full" if refusal.by else "unknown"] += 1


@pytest.fixture(autouse=True)
def nothing_is_collected():
    """As in a relay: to look through all that pytest holds would keep two processes and the proxy waiting at once."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest_asyncio.fixture
async def process_of(own_server, proxy_of, settings):
    """Makes processes that reach Redis over a long way."""
    proxy = proxy_of(own_server.port)
    proxy.latency(EACH_WAY_MS)
    settings.REDIS_URL = f"redis://127.0.0.1:{proxy.port}/0"
    made = []

    def make():
        made.append(Process())
        return made[-1]

    yield make
    await asyncio.gather(*(process.end() for process in made))
    settings.REDIS_URL = own_server.url
    blocking.cache_clear()


async def test_one_answer_that_is_late_makes_no_process_decide_alone(process_of, own_server):
    process, alone_refuses = process_of(), replace(CAP, name="strict")
    keyed = KeyedZone(ZoneKey(Scope.TENANT, "t", "p1", "strict"), alone_refuses, 1, StoreAway.REFUSE)
    await eventually(lambda: process.sharing.figures.workers == 1)
    directly = redis.Redis(port=own_server.port)

    for _ in range(3):
        directly.client_pause(LATE_MS, all=True)
        async with process.sharing.entering.entered("t", (), (keyed,), lambda: None):
            pass  # decided alone, it would be refused
    directly.close()


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(20, marks=[pytest.mark.conformance, pytest.mark.timeout(120)]),
        pytest.param(600, marks=[pytest.mark.soak, pytest.mark.timeout(800)]),
    ],
)
async def test_with_200_tenants_and_a_slow_redis_nobody_is_taken_for_dead_and_caps_are_exact(seconds, process_of, told):
    chance, visits = random.Random(12), Visits()
    processes = [process_of(), process_of()]
    tenants = [f"tenant-{number}" for number in range(TENANTS)]
    await eventually(lambda: all(process.sharing.figures.workers == 2 for process in processes))

    visitors = [
        asyncio.create_task(visits.come_and_go(process, tenant_id, random.Random(chance.random())))
        for process in processes
        for tenant_id in tenants
        for _ in range(VISITORS)
    ]
    await turns(seconds)
    names = [process.sharing.heart.name for process in processes]
    ended = list(visits.ended)

    told(f"{seconds} s: {dict(visits.outcomes)}, at most {max(visits.most.values())} open of {MOST}")
    await end_tasks(visitors)
    assert names == [f"{process.sharing.worker}/1" for process in processes]
    assert not ended
    assert visits.outcomes["full"]
    assert not visits.outcomes["unknown"]
    assert max(visits.most.values()) == MOST


@pytest.mark.conformance
@pytest.mark.timeout(120)
async def test_f1_places_of_a_dead_process_are_free_in_each_of_many_tenants_although_redis_is_slow(process_of, told):
    visits, tenants = Visits(), [f"tenant-{number}" for number in range(50)]
    dead, living = process_of(), process_of()
    await eventually(lambda: living.sharing.figures.workers == 2, FREE_SECONDS)
    staying = [asyncio.create_task(visits.insist(dead, tenant_id)) for tenant_id in tenants for _ in range(MOST)]
    await eventually(lambda: visits.open.total() == len(staying), 30)
    await turns(8.5)  # from then on Redis has known for long who is alive

    died, _ = time.monotonic(), await end_tasks(dead.tasks)
    came = Visits()

    async with AsyncExitStack() as stack:
        trying = [asyncio.create_task(came.insist(living, tenant_id)) for tenant_id in tenants]
        stack.push_async_callback(end_tasks, [*trying, *staying])
        await eventually(lambda: came.open.total() == len(tenants), FREE_SECONDS + 5)
        seconds = time.monotonic() - died
    told(f"F1: places of a dead process free in {len(tenants)} tenants after {seconds:.1f} s")
    assert seconds < FREE_SECONDS
