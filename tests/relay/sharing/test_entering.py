import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import pytest

from relay.process.tasks import end_tasks
from relay.sharing.entering import NotLetIn, part_of
from relay.store import keys
from relay.store.pool import blocking
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Scope, StoreAway, ZonePolicy
from relay.throttle.zones import KeyedZone, ZoneKey
from tests.relay.eventually import eventually, turns
from tests.relay.records import hourly

HANDSHAKES = {"counted": Counted.HANDSHAKES, "beyond": Beyond.REJECT}
TWO_OPEN = ZonePolicy(name="open", permits=2, counted=Counted.OPEN_CONNECTIONS, beyond=Beyond.REJECT)


def keyed(policy, store_away=StoreAway.SHARE):
    return KeyedZone(ZoneKey(Scope.CLIENT, "c1", "p1", policy.name), policy, 1, store_away)


CAP, ZONE = keyed(TWO_OPEN), keyed(hourly(2, name="handshakes", **HANDSHAKES))


@pytest.fixture
def tenant_id():
    return str(uuid4())


async def enter(sharing, tenant_id, stack, **limits):
    """One connection that stays open until the stack ends; ``ended`` is told when it must go."""
    limits = {"zones": (), "caps": (CAP,), "ended": []} | limits
    entered = sharing.entering.entered(tenant_id, limits["zones"], limits["caps"], lambda: limits["ended"].append(1))
    return await stack.enter_async_context(entered)


async def refusal(sharing, tenant_id, **limits):
    """Why the next connection is not let in."""
    async with AsyncExitStack() as stack:
        with pytest.raises(NotLetIn) as refused:
            await enter(sharing, tenant_id, stack, **limits)
    return refused.value


@pytest.mark.asyncio
async def test_two_processes_have_the_places_of_one_cap_together(redis, sharing_of, tenant_id):
    one, other = sharing_of(), sharing_of()
    async with AsyncExitStack() as stack:
        await enter(one, tenant_id, stack)
        await enter(other, tenant_id, stack)

        assert [(await refusal(sharing, tenant_id)).by for sharing in (one, other)] == [CAP, CAP]


@pytest.mark.asyncio
async def test_a_place_that_was_left_is_free_at_once_here_and_soon_elsewhere(redis, sharing_of, tenant_id):
    one, other = sharing_of(), sharing_of()
    async with AsyncExitStack() as stack:
        await enter(one, tenant_id, stack)
        async with AsyncExitStack() as leaving:
            await enter(one, tenant_id, leaving)
        await enter(one, tenant_id, stack)
        assert (await refusal(other, tenant_id)).by == CAP


@pytest.mark.asyncio
async def test_those_who_come_together_are_decided_one_after_the_other_in_few_round_trips(redis, sharing_of, tenant_id):
    sharing = sharing_of()
    wide = keyed(ZonePolicy(name="wide", permits=25, counted=Counted.OPEN_CONNECTIONS, beyond=Beyond.REJECT))
    ten_at_once = keyed(hourly(30, name="handshakes", **HANDSHAKES))
    async with AsyncExitStack() as stack:
        await enter(sharing, tenant_id, stack, zones=(ten_at_once,), caps=(wide,))
        before = blocking().info("commandstats")["cmdstat_evalsha"]["calls"]
        coming = (enter(sharing, tenant_id, stack, zones=(ten_at_once,), caps=(wide,)) for _ in range(40))
        answers = await asyncio.gather(*coming, return_exceptions=True)

        assert [answer == 0 for answer in answers] == 24 * [True] + 16 * [False]
        assert [answer.by for answer in answers[24:]] == 16 * [wide]
        assert blocking().info("commandstats")["cmdstat_evalsha"]["calls"] <= before + 4


@pytest.mark.asyncio
async def test_one_who_gave_up_while_it_waited_has_no_place(redis, sharing_of, tenant_id):
    sharing = sharing_of()
    async with AsyncExitStack() as stack:
        coming = [asyncio.create_task(enter(sharing, tenant_id, stack)) for _ in range(2)]
        await turns(0)
        coming[0].cancel()
        await asyncio.wait(coming)
        await enter(sharing, tenant_id, stack)

        assert (await refusal(sharing, tenant_id)).by == CAP
        assert coming[0].cancelled()


@pytest.mark.asyncio
async def test_those_who_know_another_version_are_asked_for_apart(redis, sharing_of, tenant_id):
    sharing, narrow = sharing_of(), keyed(replace(TWO_OPEN, permits=1))
    async with AsyncExitStack() as stack:
        coming = [enter(sharing, tenant_id, stack, caps=(cap,)) for cap in (CAP, narrow, CAP)]

        answers = await asyncio.gather(*coming, return_exceptions=True)

    assert [answer == 0 for answer in answers] == [True, False, True]


@pytest.mark.asyncio
async def test_f9_while_redis_hangs_a_policy_says_who_is_let_in(own_server, sharing_of, tenant_id):
    refuse = keyed(TWO_OPEN, StoreAway.REFUSE)
    sharing = sharing_of()

    with own_server.frozen():
        assert (await refusal(sharing, tenant_id, caps=(refuse,))).by is None


@pytest.mark.asyncio
async def test_handshakes_of_two_processes_are_charged_to_one_zone(redis, sharing_of, tenant_id):
    one, other = sharing_of(), sharing_of()
    async with AsyncExitStack() as stack:
        for sharing in (one, other):
            assert await enter(sharing, tenant_id, stack, zones=(ZONE,), caps=()) == 0

        refused = await refusal(one, tenant_id, zones=(ZONE,), caps=())
    assert (refused.by, refused.wait_ns > 3000 * SECOND_NS) == (ZONE, True)


@pytest.mark.asyncio
async def test_what_a_cap_refuses_is_charged_to_no_zone(redis, sharing_of, tenant_id):
    sharing = sharing_of()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await enter(sharing, tenant_id, stack)
        for _ in range(3):
            assert (await refusal(sharing, tenant_id, zones=(ZONE,))).by == CAP
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await enter(sharing, tenant_id, stack, zones=(ZONE,))


@pytest.mark.asyncio
async def test_a_connection_without_limits_asks_nobody(no_redis, sharing_of, tenant_id):
    async with AsyncExitStack() as stack:
        assert await enter(sharing_of(), tenant_id, stack, caps=()) == 0


@pytest.mark.asyncio
async def test_a_process_that_was_taken_for_dead_gives_up_what_others_were_let_in_for(
    redis, long_since, sharing_of, tenant_id
):
    stalled, other, ended = sharing_of(), sharing_of(), []
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await enter(stalled, tenant_id, stack, ended=ended)
        bury(stalled)
        await enter(other, tenant_id, stack)

        speaking = [
            asyncio.create_task(work) for work in (stalled.heart.beat_for_ever(), stalled.entering.say_for_ever())
        ]
        await eventually(lambda: ended == [1])
        assert stalled.heart.name == f"{stalled.worker}/2"
        assert (await refusal(other, tenant_id)).by == CAP
        await end_tasks(speaking)


@pytest.mark.asyncio
async def test_who_is_alive_loses_no_place_although_somebody_needs_one(redis, long_since, sharing_of, tenant_id):
    one, other, ended = sharing_of(), sharing_of(), []
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await enter(one, tenant_id, stack, ended=ended)
        for _ in range(3):
            assert (await refusal(other, tenant_id)).by == CAP
    assert not ended


@pytest.mark.asyncio
async def test_where_redis_has_just_forgotten_who_is_alive_nobody_is_taken_for_dead(redis, sharing_of, tenant_id):
    one, other = sharing_of(), sharing_of()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await enter(one, tenant_id, stack)
        bury(one)

        assert (await refusal(other, tenant_id)).by == CAP


@pytest.mark.asyncio
async def test_a_process_that_was_taken_for_dead_says_so_of_each_tenant_before_it_lets_anybody_in(
    redis, long_since, sharing_of, tenant_id
):
    stalled, other = sharing_of(), sharing_of()
    async with AsyncExitStack() as stack:
        await enter(stalled, tenant_id, stack)
        bury(stalled)
        for _ in range(2):
            await enter(other, tenant_id, stack)

        await stalled.heart.beat()

        assert (await refusal(stalled, tenant_id)).by == CAP
        assert sum(map(int, blocking().hvals(keys.cap(tenant_id, CAP.key)))) == 2


@pytest.mark.asyncio
async def test_f10_what_a_redis_that_restarted_empty_forgot_is_said_again(own_server, sharing_of, tenant_id):
    sharing = sharing_of()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await enter(sharing, tenant_id, stack)
        tasks = [asyncio.create_task(work) for work in (sharing.heart.beat_for_ever(), sharing.entering.say_for_ever())]
        await eventually(lambda: blocking().exists(keys.workers()))
        blocking().flushdb()

        await eventually(lambda: full_for(tenant_id))
        await end_tasks(tasks)


@pytest.mark.asyncio
async def test_a_tenant_that_nothing_happens_in_costs_nothing(own_server, sharing_of):
    sharing = sharing_of()
    async with AsyncExitStack() as stack:
        for _ in range(50):
            await enter(sharing, str(uuid4()), stack)
        before = blocking().info("commandstats")["cmdstat_evalsha"]["calls"]
        tasks = [asyncio.create_task(work) for work in (sharing.heart.beat_for_ever(), sharing.entering.say_for_ever())]
        await turns(2.5)
        await end_tasks(tasks)

        assert blocking().info("commandstats")["cmdstat_evalsha"]["calls"] <= before + 4


@pytest.fixture
def long_since(redis):
    """Has Redis known for long who is alive."""
    began_us = int((time.time() - 60) * 1_000_000)
    blocking().hset(keys.workers_clock(), mapping={"generation": began_us, "last": began_us})


def bury(sharing):
    """Have a process taken for dead, as after eight silent seconds."""
    assert blocking().zrem(keys.workers(), sharing.worker) == 1


@pytest.mark.parametrize(
    ("store_away", "let_in"), [(StoreAway.SHARE, 2), (StoreAway.REFUSE, 0), (StoreAway.LET_PASS, 5)]
)
@pytest.mark.asyncio
async def test_f7_without_redis_a_policy_says_who_is_let_in(no_redis, sharing_of, tenant_id, store_away, let_in):
    sharing, cap = sharing_of(), keyed(TWO_OPEN, store_away)
    async with AsyncExitStack() as stack:
        outcomes = []
        for _ in range(5):
            try:
                await enter(sharing, tenant_id, stack, caps=(cap,))
                outcomes.append(True)
            except NotLetIn:
                outcomes.append(False)
    assert sum(outcomes) == let_in


@pytest.mark.asyncio
async def test_f8_places_are_known_while_redis_is_away_and_said_again_when_it_is_back(
    own_server, sharing_of, tenant_id
):
    sharing = sharing_of()
    async with AsyncExitStack() as stack:
        await enter(sharing, tenant_id, stack)
        own_server.end()
        await enter(sharing, tenant_id, stack)
        assert (await refusal(sharing, tenant_id)).by == CAP

        own_server.start()
        speaking = asyncio.create_task(sharing.entering.say_for_ever())
        await eventually(lambda: full_for(tenant_id))
        await end_tasks([speaking])


def full_for(tenant_id):
    return sum(map(int, blocking().hvals(keys.cap(tenant_id, CAP.key)))) == 2


@pytest.mark.asyncio
async def test_tenants_that_are_gone_leave_nothing(redis, sharing_of):
    sharing = sharing_of()
    speaking = asyncio.create_task(sharing.entering.say_for_ever())  # where Redis was late
    async with AsyncExitStack() as stack:
        for _ in range(20):
            await enter(sharing, str(uuid4()), stack, zones=(ZONE,))
        sharing.forget_those_at_rest(time.monotonic_ns())
        assert len(sharing.entering) == 40

    def is_empty():
        sharing.forget_those_at_rest(time.monotonic_ns())
        return not len(sharing.entering)

    await eventually(is_empty)
    await end_tasks([speaking])


def test_a_part_of_a_limit_is_that_part_of_its_rate_and_burst():
    part = part_of(ZonePolicy(name="h", permits=5, burst=10, delay=10, **HANDSHAKES), 4)

    assert (part.permits, part.period_ns, part.burst, part.delay) == (5, 4 * SECOND_NS, 2, 2)
