import asyncio

import pytest

from relay.sharing.gauging import allowed_in, allowed_in_windows
from relay.splicing.waiting import WaitingRoom
from relay.store.workers import readings
from relay.throttle.fairness import Priority
from relay.throttle.granting import Party
from relay.throttle.limiter import Limiter
from relay.throttle.policy import Scope, ZonePolicy
from relay.throttle.zones import KeyedZone, ZoneKey
from tests.relay.eventually import eventually
from tests.relay.sharing.flooder import Flooder

FAST = ZonePolicy(name="all", scope=Scope.TENANT, permits=400, burst=20, delay=20)


def test_a_zone_may_admit_its_rate_its_burst_a_lease_and_what_seconds_cannot_tell_apart():
    assert allowed_in(FAST, 10) == 400 * 12 + 40 + 21


def test_what_is_told_late_may_be_more_in_the_second_in_which_it_is():
    assert allowed_in_windows(FAST, 5) == pytest.approx((400 * 15 + 40 + 21, 400 * 65 + 40 + 21), abs=1)


def passed_by(floods):
    return sum(len(flood.passed) for flood in floods)


@pytest.mark.asyncio
async def test_what_two_processes_admit_is_told_as_one_figure(redis, sharing_of):
    floods, tellers = [], []
    for client in ("c1", "c2"):
        room = WaitingRoom(asyncio.get_running_loop())
        sharing = sharing_of(room)
        keyed = KeyedZone(ZoneKey(Scope.TENANT, "t1", "p1", "all"), FAST, 1)
        zone = sharing.leasing.zone("t1", keyed, Party(client, Priority.NORMAL, 1))
        floods.append(Flooder(room, Limiter([zone])))
        tellers.append(asyncio.create_task(sharing.gauging.tell_for_ever()))

    await eventually(lambda: passed_by(floods) > 600)
    for flood in floods:
        flood.stop()
    await eventually(lambda: [reading.admitted[1] for reading in readings("t1")] == [passed_by(floods)])
    for teller in tellers:
        teller.cancel()

    assert 0 < readings("t1")[0].ratio <= 1
