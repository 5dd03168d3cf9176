import asyncio
import time
from uuid import uuid4

import pytest

from relay.splicing.waiting import WaitingRoom
from relay.store.leases import take_leases
from relay.store.pool import blocking
from relay.throttle.fairness import Priority
from relay.throttle.granting import Party
from relay.throttle.limiter import Limiter
from relay.throttle.policy import Scope, StoreAway, ZonePolicy
from relay.throttle.zones import KeyedZone, ZoneKey
from tests.relay.eventually import eventually, turns
from tests.relay.sharing.flooder import Flooder

pytestmark = pytest.mark.asyncio
FAST = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=400, burst=20, delay=20)
SLOW = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=20)
SECONDS = 1.0


@pytest.fixture
def flood_of(sharing_of):
    """Begins a flood through one zone, in a process of its own as far as the zone can tell."""
    tenant_id = str(uuid4())

    def begin(policy, store_away=StoreAway.SHARE, client="c1"):
        room = WaitingRoom(asyncio.get_running_loop())
        sharing = sharing_of(room)
        keyed = KeyedZone(ZoneKey(Scope.TENANT, tenant_id, "p1", policy.name), policy, 1, store_away)
        zone = sharing.leasing.zone(tenant_id, keyed, Party(client, Priority.NORMAL, 1))
        return Flooder(room, Limiter([zone])), sharing

    return begin


def passed_in(floods, seconds):
    """How many messages passed in so many seconds after the first."""
    times = sorted(moment for flood in floods for moment in flood.passed)
    return sum(moment <= times[0] + seconds for moment in times)


@pytest.mark.parametrize("policy", [FAST, SLOW], ids=["leased", "singly"])
async def test_l8_two_processes_pass_no_more_together_than_the_zone_allows(redis, flood_of, policy):
    floods = [flood_of(policy, client=name)[0] for name in ("c1", "c2")]

    await eventually(lambda: all(flood.passed for flood in floods))
    await turns(SECONDS)

    assert passed_in(floods, SECONDS) <= policy.permits * SECONDS + policy.burst + 1
    assert passed_in(floods, SECONDS) >= 0.7 * policy.permits * SECONDS


@pytest.mark.parametrize(
    ("store_away", "fewest", "most"),
    [(StoreAway.SHARE, 100, 400 + 8), (StoreAway.REFUSE, 0, 0), (StoreAway.LET_PASS, 450, 1_000_000)],
)
async def test_f8_when_redis_dies_the_policy_says_what_passes(own_server, flood_of, store_away, fewest, most):
    flood, sharing = flood_of(FAST, store_away)
    await eventually(lambda: len(flood.passed) > 40)

    own_server.end()
    await eventually(lambda: sharing.figures.away)
    began = time.monotonic()
    await turns(SECONDS)

    passed = sum(began + 0.1 < moment <= began + 0.1 + SECONDS for moment in flood.passed)
    assert fewest <= passed * SECONDS <= most


async def test_f7_without_redis_a_process_goes_on_at_its_part(no_redis, flood_of):
    flood, sharing = flood_of(FAST)

    await eventually(lambda: len(flood.passed) > 20)

    assert sharing.figures.away


async def test_f9_a_redis_that_hangs_holds_up_nobody_and_is_used_again_when_it_answers(own_server, flood_of):
    flood, sharing = flood_of(FAST)
    await eventually(lambda: len(flood.passed) > 40)

    with own_server.frozen():
        await eventually(lambda: sharing.figures.away)
        passed = len(flood.passed)
        await eventually(lambda: len(flood.passed) > passed + 50)

    await eventually(lambda: not sharing.figures.away)
    trips = sharing.figures.round_trips
    await eventually(lambda: sharing.figures.round_trips > trips + 3)


async def test_f9_a_wait_of_an_hour_that_a_process_told_itself_ends_when_redis_is_back(own_server, flood_of):
    flood, sharing = flood_of(ZonePolicy(name="tenant", scope=Scope.TENANT, permits=1, period_ns=3600 * 10**9, burst=3))
    with own_server.frozen():
        await eventually(lambda: sharing.figures.away)
        passed = len(flood.passed)

    await eventually(lambda: not sharing.figures.away)
    await eventually(lambda: len(flood.passed) > passed)


async def test_an_answer_to_a_former_version_keeps_nobody_waiting_for_its_rate(redis, flood_of, replaced):
    hourly = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=1, period_ns=3600 * 10**9, burst=1, delay=1)
    flood, sharing = flood_of(hourly)
    refused = []

    async def while_another_version_comes(redis_on_loop, tenant_id, worker, generation, requests):
        answers = await take_leases(redis_on_loop, tenant_id, worker, generation, requests)
        if not refused and any(not answer.grant.permits for answer in answers.answers):
            refused.append(answers)
            sharing.leasing.zone(tenant_id, KeyedZone(requests[0].key, FAST, 2), requests[0].ask.party)
        return answers

    replaced("relay.sharing.tenant_leases:take_leases", while_another_version_comes)

    await eventually(lambda: refused)
    await eventually(lambda: len(flood.passed) > 40)


async def test_f13_a_full_redis_is_as_one_that_is_away(own_server, flood_of):
    flood, sharing = flood_of(FAST)
    await eventually(lambda: len(flood.passed) > 40)

    blocking().config_set("maxmemory", "1")
    await eventually(lambda: sharing.figures.away)
    blocking().config_set("maxmemory", "0")

    await eventually(lambda: not sharing.figures.away)


async def test_f10_a_redis_that_restarted_empty_is_noticed_and_gives_no_second_burst(own_server, flood_of):
    flood, sharing = flood_of(FAST)
    await eventually(lambda: len(flood.passed) > 60)
    own_server.end()
    await eventually(lambda: sharing.figures.away)
    own_server.start()

    await eventually(lambda: sharing.figures.generations_lost == 1)
    began = time.monotonic()
    await turns(0.5)

    assert sum(began < moment <= began + 0.5 for moment in flood.passed) <= 400 * 0.6 + 9


async def test_a_zone_that_nobody_uses_is_not_asked_for(redis, flood_of):
    flood, sharing = flood_of(FAST)
    await eventually(lambda: flood.passed)
    flood.stop()
    await eventually(lambda: sharing.leasing.is_idle)
