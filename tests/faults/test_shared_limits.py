import asyncio
import os
import signal
import time
from bisect import bisect_right
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

import pytest
import redis

from relay.store.client_records import replace_records
from relay.throttle.policy import LEASE_SECONDS, Scope, ZonePolicy
from tests.faults.ground.ledger import received_by
from tests.faults.ground.proxy import FaultProxy
from tests.faults.ground.sender import Crowd
from tests.relay import records
from tests.relay.eventually import turns
from tests.relay.records import policy
from tests.relay.store.own_server import OwnServer

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(300)]
PROCESSES = 4
WIDE = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=400, burst=40, delay=40)
SLOW = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=5)
SPREAD = {"a": 9, "b": 4, "c": 2, "d": 1}  # connections of each client
ALONE = PROCESSES * 8 + 100  # permits: a process's first, 16 ms of its part, and 250 ms of the rate until all are back
STALL_SECONDS, REDIS_AWAY_SECONDS = 5, 2
SHARED_OUT_SECONDS = 14  # by then every process was told its part of the rate
RATE_BACK_SECONDS, CALM_SECONDS = 1, 4  # in which the rate is back after Redis is, and for how long it is measured
LATE_MS, LAG_MS = 60, 150  # each way: later than a decision may take; how far a replica is behind


def times_at(port):
    """When each message came to the platform, from the first on."""
    times = sorted(line.received_at for line in received_by(port))
    return [moment - times[0] for moment in times]


def most_in(times, seconds):
    """The most messages that came in any stretch of so many seconds."""
    return max(bisect_right(times, moment + seconds) - place for place, moment in enumerate(times))


def by_second(times):
    """How many messages came in each second, for a line of figures."""
    counts = Counter(map(int, times))
    return " ".join(str(counts[second]) for second in range(int(times[-1]) + 1))


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


@pytest.mark.conformance
async def test_twin_of_l8_processes_that_share_nothing_exceed_the_limit(relay_of, platform_of):
    port, _ = platform_of()
    relay = relay_of(processes=PROCESSES, broken="leases")
    low = replace(WIDE, permits=100)  # four times of which a busy machine sends, too
    crowds = flooding(port, relay, tenant(port, low))
    began = await first_message(port)
    for crowd in crowds * 3:  # on a busy machine one process may accept all that come at once
        await turns(0.2)
        crowd.join(relay.url, 4)
    await turns(began + 12 - time.monotonic())

    times = times_at(port)
    for crowd in crowds:
        await crowd.abandon()
    assert most_in(times, 8) > low.permits * (8 + LEASE_SECONDS) + low.burst + 1 + ALONE


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
    told(f"F1, F10: {len(times)} in 45 s where {most:.0f} may, in a second {most_in(times, 1)}: {by_second(times)}")
    for crowd in crowds:
        await crowd.abandon()
    assert 0.9 * WIDE.permits * 45 <= len(times) <= most
    for seconds in (1, 2, 5, 10, 30):
        assert most_in(times, seconds) <= WIDE.permits * (seconds + LEASE_SECONDS) + WIDE.burst + 1 + ALONE


@pytest.mark.parametrize("seconds", [2, 6, 12])
async def test_f9_after_redis_stopped_for_seconds_the_rate_is_back_within_one(
    seconds, relay_of, own_server, platform_of, told
):
    port, _ = platform_of()
    relay, clients = relay_of(processes=PROCESSES, REDIS_URL=own_server.url), tenant(port, WIDE)
    crowds = flooding(port, relay, clients)
    began = await first_message(port)
    await turns(began + SHARED_OUT_SECONDS - time.monotonic())
    with own_server.frozen():
        await turns(seconds)
    back = time.monotonic() - began
    await turns(RATE_BACK_SECONDS + CALM_SECONDS)

    until = back + RATE_BACK_SECONDS + CALM_SECONDS
    times = [moment for moment in times_at(port) if moment <= until]
    passed = sum(moment > until - CALM_SECONDS for moment in times)
    told(f"F9 stopped {seconds} s: {passed} in {CALM_SECONDS} s, then {most_in(times, 1)} at most: {by_second(times)}")
    for crowd in crowds:
        await crowd.abandon()
    assert passed >= 0.95 * WIDE.permits * CALM_SECONDS
    for window in (1, 2, 5, 10, 20):
        assert most_in(times, window) <= WIDE.permits * (window + LEASE_SECONDS) + WIDE.burst + 1 + ALONE


class Store(NamedTuple):
    """Redis, the proxy that relays reach it by, and a replica that lags behind."""

    first: redis.Redis
    server: OwnServer
    proxy: FaultProxy
    replica: redis.Redis
    replica_port: int


@contextmanager
def f9_pauses(store):
    """Nobody is answered for a while, and then everybody."""
    store.first.client_pause(1000 * REDIS_AWAY_SECONDS, all=True)
    yield


@contextmanager
def f9_answers_late(store):
    """All that is asked is done, and the answer comes when nobody waits for it any more."""
    store.proxy.latency(LATE_MS)
    yield
    store.proxy.heal()


@contextmanager
def f11_fails_over(store):
    """The replica takes over, and never hears what it lags behind by."""
    store.server.kill()
    store.replica.replicaof("NO", "ONE")
    store.proxy.lead_to(store.replica_port)
    yield


@contextmanager
def f12_only_reads(store):
    """Writes are refused."""
    store.first.replicaof("127.0.0.1", "1")
    yield
    store.first.replicaof("NO", "ONE")


@contextmanager
def f13_is_full(store):
    """Writes are refused, for want of memory."""
    store.first.config_set("maxmemory", "1")
    yield
    store.first.config_set("maxmemory", "0")


@pytest.fixture
def store(own_server, proxy_of):
    """Redis with a replica."""
    second, link = OwnServer(), proxy_of(own_server.port)
    second.start()
    link.latency(LAG_MS)
    with redis.Redis(port=own_server.port) as first, redis.Redis(port=second.port) as replica:
        replica.replicaof("127.0.0.1", str(link.port))
        yield Store(first, own_server, proxy_of(own_server.port), replica, second.port)
    second.end()


FAULTS = (f9_pauses, f9_answers_late, f11_fails_over, f12_only_reads, f13_is_full)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_f9_f11_f12_f13_the_limit_holds_whatever_redis_does(fault, relay_of, store, platform_of, told):
    port, _ = platform_of()
    clients = tenant(port, WIDE)
    relay = relay_of(processes=PROCESSES, REDIS_URL=f"redis://127.0.0.1:{store.proxy.port}/0")
    crowds = flooding(port, relay, clients)
    began = await first_message(port)
    async with asyncio.timeout(10):
        while store.replica.info("replication")["master_link_status"] != "up":
            await turns(0.1)

    await turns(began + SHARED_OUT_SECONDS - time.monotonic())
    with fault(store):
        await turns(REDIS_AWAY_SECONDS)
    await turns(began + 22 - time.monotonic())

    times = [moment for moment in times_at(port) if moment <= 22]
    lagging = WIDE.burst if fault is f11_fails_over else 0
    rest = WIDE.burst + 1 + ALONE + lagging
    most = WIDE.permits * (22 + LEASE_SECONDS) + rest
    told(f"{fault.__name__}: {len(times)} where {most:.0f} may, in a second {most_in(times, 1)}: {by_second(times)}")
    for crowd in crowds:
        await crowd.abandon()
    assert 0.9 * WIDE.permits * 22 <= len(times)
    for seconds in (1, 2, 5, 10, 20):
        assert most_in(times, seconds) <= WIDE.permits * (seconds + LEASE_SECONDS) + rest
