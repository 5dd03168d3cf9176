import os
import signal
import time
from bisect import bisect_right
from contextlib import suppress

import pytest

from relay.store.client_records import replace_records
from relay.throttle.policy import LEASE_SECONDS, Scope, ZonePolicy
from tests.faults.ground.ledger import received_by
from tests.faults.ground.sender import Crowd
from tests.relay import records
from tests.relay.eventually import turns
from tests.relay.records import policy

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(300)]
PROCESSES = 4
WIDE = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=400, burst=40, delay=40)
SLOW = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=5)
SPREAD = {"a": 9, "b": 4, "c": 2, "d": 1}  # connections of each client
ALONE = PROCESSES * 8  # permits: what each process may begin with when Redis is away, and 16 ms of its part
STALL_SECONDS, REDIS_AWAY_SECONDS = 5, 2


def times_at(port):
    """When each message came to the platform, from the first on."""
    times = sorted(line.received_at for line in received_by(port))
    return [moment - times[0] for moment in times]


def most_in(times, seconds):
    """The most messages that came in any stretch of so many seconds."""
    return max(bisect_right(times, moment + seconds) - place for place, moment in enumerate(times))


def tenant(port, zone):
    """Records of a tenant's clients, in Redis."""
    leads_there = records.platform_connection(f"http://127.0.0.1:{port}")
    whose = {"tenant_id": "3f1c8a52", "policies": (policy(zone),)}
    made = [records.client(leads_there, **whose) for _ in SPREAD]
    replace_records("3f1c8a52", made)
    return made


def flooding(port, relay, clients):
    """Each client's senders, who begin to send as much as they can."""
    headers = [{"Authorization": f"Bearer {records.token_of(client)}"} for client in clients]
    crowds = [Crowd(port, lambda own=own: own) for own in headers]
    for crowd, connections in zip(crowds, SPREAD.values(), strict=True):
        crowd.join(relay.url, connections)
    return crowds


async def first_message(port):
    """Wait for it; answers when it was."""
    while not received_by(port):
        await turns(0.05)
    return time.monotonic()


async def move_one_after_the_other(crowds, relay, began, seconds):
    """Every ten seconds the connections of a client are made anew: other processes get them."""
    for turn in range(int(seconds / 10)):
        await turns(began + 10 * (turn + 1) - time.monotonic())
        moved = crowds[turn % len(crowds)]
        await moved.abandon()
        moved.join(relay.url, list(SPREAD.values())[turn % len(crowds)])


@pytest.mark.parametrize("zone", [WIDE, SLOW], ids=["400_a_second", "5_a_second"])
async def test_l8_four_processes_hold_one_limit_together(zone, relay_of, platform_of, told):
    port, _ = platform_of()
    relay = relay_of(processes=PROCESSES)
    crowds = flooding(port, relay, tenant(port, zone))
    await move_one_after_the_other(crowds, relay, await first_message(port), 60)

    times = [moment for moment in times_at(port) if moment <= 60]
    rate = zone.permits
    fewest, most = 0.99 * rate * 60, rate * 60 + zone.burst + 1
    told(f"L8 {rate}/s: {len(times)} in 60 s where {fewest:.0f} to {most} may, in a second {most_in(times, 1)}")
    for crowd in crowds:
        await crowd.abandon()
    assert fewest <= len(times) <= most
    for seconds in (1, 2, 5, 10, 30):
        assert most_in(times, seconds) <= rate * (seconds + LEASE_SECONDS) + zone.burst + 1


async def test_f1_f10_the_limit_holds_while_a_process_dies_another_stalls_and_redis_restarts_empty(
    relay_of, own_server, platform_of, told
):
    port, _ = platform_of()
    relay, clients = relay_of(processes=PROCESSES, REDIS_URL=own_server.url), tenant(port, WIDE)
    crowds = flooding(port, relay, clients)
    began = await first_message(port)

    await turns(began + 8 - time.monotonic())
    killed, stalled, *_ = relay.children()
    os.kill(killed, signal.SIGKILL)
    await turns(began + 16 - time.monotonic())
    os.kill(stalled, signal.SIGSTOP)
    await turns(STALL_SECONDS)
    with suppress(ProcessLookupError):
        os.kill(stalled, signal.SIGCONT)
    await turns(began + 28 - time.monotonic())
    own_server.end()
    await turns(REDIS_AWAY_SECONDS)
    own_server.start()
    replace_records("3f1c8a52", clients)
    await turns(began + 45 - time.monotonic())

    times = [moment for moment in times_at(port) if moment <= 45]
    most = WIDE.permits * (45 + LEASE_SECONDS) + WIDE.burst + 1 + ALONE
    told(f"F1, F10: {len(times)} in 45 s where {most:.0f} may, in a second {most_in(times, 1)}")
    for crowd in crowds:
        await crowd.abandon()
    assert 0.9 * WIDE.permits * 45 <= len(times) <= most
    for seconds in (1, 2, 5, 10, 30):
        assert most_in(times, seconds) <= WIDE.permits * (seconds + LEASE_SECONDS) + WIDE.burst + 1 + ALONE
