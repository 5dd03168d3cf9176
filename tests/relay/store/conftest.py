"""A Redis whose time a test holds, and a cluster."""

from collections import Counter

import pytest

from relay.store import caps, leases, workers
from relay.store.caps import Held, Newcomer, Result, Who, enter, hold
from relay.store.pool import blocking
from tests.relay.store.held_clock import Calls, HeldClock, TimedScript
from tests.relay.store.own_cluster import own_cluster
from tests.relay.store.places import CAP, CONNECTIONS


@pytest.fixture
def call(redis):
    """Calls a function of relay/store with Redis and what else it wants."""
    calls = Calls()
    yield calls
    calls.close()


@pytest.fixture
def clock(monkeypatch):
    """Redis' time, for the scripts that limits are shared by."""
    clock = HeldClock()
    monkeypatch.setattr(leases, "TAKE_LEASES", TimedScript(clock, "clock", "take_leases"))
    monkeypatch.setattr(caps, "ENTER", TimedScript(clock, "clock", "enter"))
    monkeypatch.setattr(caps, "HOLD", TimedScript(clock, "clock", "hold"))
    monkeypatch.setattr(workers, "BEAT", TimedScript(clock, "clock", "beat"))
    monkeypatch.setattr(workers, "ALIVE_WORKERS", TimedScript(clock, "alive_workers"))
    monkeypatch.setattr(workers, "GAUGE", TimedScript(clock, "gauge"))
    return clock


@pytest.fixture(scope="session")
def three_nodes():
    """A Redis Cluster for all tests that want one."""
    with own_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(three_nodes, settings):
    """An empty Redis Cluster, for the code under test."""
    settings.REDIS_URL = three_nodes.url
    blocking.cache_clear()
    for node in three_nodes.nodes:
        node.flushall()
    yield three_nodes
    blocking().close()
    blocking.cache_clear()


@pytest.fixture
def held():
    """How many connections each worker holds under each cap."""
    return Counter()


@pytest.fixture
def entry(call, clock, held):
    """Lets a worker try to bring one connection in."""

    def entry(worker="1", *, zones=(), caps=((CAP, CONNECTIONS),), dead=(), **who):
        asks = Who(**{"tenant_id": "acme", "worker": worker, "generation": ""} | who)
        under = tuple(Held(key, held[asks.tenant_id, worker, key], policy.permits) for key, policy in caps)
        [answer] = call(enter, asks, [Newcomer(tuple(zones), under)], dead).each
        held.update((asks.tenant_id, worker, key) for key, _ in caps if answer.result is Result.IN)
        return answer

    return entry


@pytest.fixture
def holding(call, clock, held):
    """Has a worker say what it holds under one cap; answers what is too much, and how many there are in all."""

    def holding(worker, count, *, limit=CONNECTIONS.permits, was_dead=False):
        _, [answer] = call(hold, Who("acme", worker, ""), [Held(CAP, count, limit)], was_dead=was_dead)
        held["acme", worker, CAP] = count - answer.surplus
        return answer

    return holding
