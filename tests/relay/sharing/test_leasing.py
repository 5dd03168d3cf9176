import asyncio
import gc
import time
from dataclasses import replace
from uuid import uuid4

import pytest

from relay.splicing.waiting import WaitingRoom
from relay.throttle.fairness import Priority
from relay.throttle.granting import Party
from relay.throttle.limiter import Limiter
from relay.throttle.policy import Scope, ZonePolicy
from relay.throttle.zones import KeyedZone, ZoneKey
from tests.relay.eventually import eventually
from tests.relay.sharing.flooder import Flooder

pytestmark = pytest.mark.asyncio
EDITS = 300
FAST = ZonePolicy(name="all", scope=Scope.TENANT, permits=400, burst=20, delay=20)


def one_message(sharing, room, tenant_id, edit=0, policy=FAST):
    """A connection under one version of a policy, which has a zone of another name, sends a message and ends."""
    policy = replace(policy, name=f"all_{edit}")
    keyed = KeyedZone(ZoneKey(Scope.TENANT, tenant_id, "p1", policy.name), policy, edit)
    flood = Flooder(room, Limiter([sharing.leasing.zone(tenant_id, keyed, Party("c1", Priority.NORMAL, 1))]))
    flood.stop()
    return flood


async def at_rest(sharing):
    """Let an hour pass, and sweep; answers how many entries are kept."""
    await eventually(lambda: sharing.leasing.is_idle)
    gc.collect()  # errors and their frames hold one another, and zones
    sharing.forget_those_at_rest(time.monotonic_ns() + 3600 * 10**9)
    return len(sharing.leasing) + len(sharing.figures.away) + len(sharing.figures.fullness)


@pytest.mark.parametrize("store", ["redis", "no_redis"])
async def test_a_policy_that_is_edited_again_and_again_leaves_nothing(store, request, sharing_of):
    request.getfixturevalue(store)
    room = WaitingRoom(asyncio.get_running_loop())
    sharing = sharing_of(room)
    telling = asyncio.create_task(sharing.gauging.tell_for_ever())
    for edit in range(EDITS):
        flood = one_message(sharing, room, "t1", edit)
        if not edit % 50:
            await eventually(lambda flood=flood: flood.passed)
    del flood

    await eventually(lambda: len(sharing.gauging) == len(sharing.figures.fullness_of))
    assert await at_rest(sharing) == 0
    telling.cancel()


@pytest.mark.parametrize("store", ["redis", "no_redis"])
async def test_tenants_that_are_gone_leave_nothing(store, request, sharing_of):
    request.getfixturevalue(store)
    room = WaitingRoom(asyncio.get_running_loop())
    sharing = sharing_of(room)
    telling = asyncio.create_task(sharing.gauging.tell_for_ever())
    floods = [one_message(sharing, room, str(uuid4())) for _ in range(EDITS)]
    await eventually(lambda: all(flood.passed for flood in floods))
    floods.clear()

    await eventually(lambda: len(sharing.gauging) == len(sharing.figures.fullness_of))
    assert await at_rest(sharing) == 0
    telling.cancel()


async def test_a_tenant_that_somebody_is_connected_of_stays_known(redis, sharing_of):
    room = WaitingRoom(asyncio.get_running_loop())
    sharing = sharing_of(room)
    flood = one_message(sharing, room, "t1")
    await eventually(lambda: flood.passed)

    assert await at_rest(sharing) == 2
    assert flood.passed


async def test_a_debt_that_is_not_made_up_for_yet_is_kept(no_redis, sharing_of):
    room = WaitingRoom(asyncio.get_running_loop())
    sharing = sharing_of(room)
    yearly = ZonePolicy(name="all", scope=Scope.TENANT, permits=1, period_ns=31_536_000 * 10**9)
    flood = one_message(sharing, room, "t1", policy=yearly)
    await eventually(lambda: flood.passed)

    assert await at_rest(sharing) == 3
    assert flood.passed


class RoomThatFailsOnce(WaitingRoom):
    """Where waking the first of one tenant fails, as by a defect."""

    failures = 0

    def wake(self, zone):
        """Fail, or wake."""
        if zone.key.scope_id == "t1" and not self.failures:
            self.failures += 1
            raise LookupError
        super().wake(zone)


async def test_a_task_that_failed_begins_anew_and_no_other_tenant_notices(redis, sharing_of, caplog):
    room = RoomThatFailsOnce(asyncio.get_running_loop())
    sharing = sharing_of(room)
    floods = [one_message(sharing, room, tenant_id) for tenant_id in ("t1", "t2")]

    await eventually(lambda: all(flood.passed for flood in floods))

    assert room.failures
    assert "background_task_failed" in caplog.text
