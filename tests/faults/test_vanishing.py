"""Clients that are held back and vanish, in every way and at every moment: nothing of them is left."""

import time
from functools import partial

import msgspec
import pytest
from floodgate_simulator.faults.fault import Fault

from relay.store.announcements import announce
from relay.throttle.policy import Direction
from tests.relay.conftest import (
    certificates,
    integration_of,
    relays_redis_url,
    replaced,
    simulator,
    simulator_of,
    store,
    trust,
)
from tests.relay.eventually import eventually
from tests.relay.records import hourly, policy
from tests.relay.running import running_relay
from tests.relay.seen import masked
from tests.relay.vanishing import WAYS, all_defects, close, kill, leftovers, reset, sessions_in_memory

__all__ = [
    "certificates",
    "integration_of",
    "relays_redis_url",
    "replaced",
    "simulator",
    "simulator_of",
    "store",
    "trust",
]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(600)]
AT_ONCE = 20  # clients that vanish together
BOTH_WAYS = policy(hourly(3), hourly(3, name="back", direction=Direction.TO_CLIENT))
HOW_OFTEN = [3, pytest.param(200, marks=pytest.mark.soak)]


@pytest.fixture
def relay(relays_redis_url, store):
    """A relay of the test's own."""
    with running_relay(relays_redis_url) as running:
        yield running


@pytest.fixture
def tls_relay(relays_redis_url, store, certificates):
    """The same with TLS."""
    files = {"TLS_CERTIFICATE_FILE": str(certificates.certificate), "TLS_KEY_FILE": str(certificates.key)}
    with running_relay(relays_redis_url, **files) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_is_left_over():
    """These relays run in this process, which lasts: what is left of them is looked for inside."""


@pytest.fixture(autouse=True)
def hurry(replaced):
    """What takes half a minute takes a second."""
    replaced("relay.splicing.session:FLUSH_SECONDS", 1)  # 30 s


async def vanish(clients, *ways):
    for number, client in enumerate(clients):
        await ways[number % len(ways)](client)


async def vanish_by(way, _integration, clients):
    await vanish(clients, way)


async def platform_vanishes(integration, clients):
    integration.simulator.simulation.order(Fault(kind="close", code=1006))
    await vanish(clients, close)


async def policy_changes(integration, clients):
    changed = msgspec.structs.replace(integration.record, policies=(policy(hourly(4)),))
    await vanish(clients, reset, close)
    integration.publish(changed)
    announce(integration.record.tenant_id)


async def token_is_revoked(integration, clients):
    integration.publish(msgspec.structs.replace(integration.record, tokens_valid_from=time.time() + 60))
    announce(integration.record.tenant_id)
    await vanish(clients, reset, close, kill)


EVENTS = {
    **{name: partial(vanish_by, way) for name, way in WAYS.items()},
    "platform_vanishes": platform_vanishes,
    "policy_change": policy_changes,
    "revocation": token_is_revoked,
}


async def held_back(integration, count):
    """So many clients whose messages wait in both directions."""
    clients = [await integration.connect_raw("/v2/websocket/orders") for _ in range(count)]
    for client in clients:
        client.send(masked(b'{"id": 1}') * 300)
    mine = [one.session for one in list(integration.relay.worker.connections)]
    await eventually(lambda: all(session.client.held for session in mine))
    return clients


async def nothing_is_left(relay, tenant_id):
    await eventually(lambda: not leftovers(relay, tenant_id), 60)
    await eventually(lambda: not relay.server.server_state.tasks)
    assert not sum(counter.waiting for counter in relay.worker.counters.traffic.values())
    assert not len(relay.worker.around.room)
    await eventually(lambda: not sessions_in_memory())  # a timer, a task or a line would hold them


async def repeat(relay, integration_of, event, how_often, **changes):
    before, left = all_defects(), how_often
    while left > 0:
        integration = integration_of(relay, policies=(BOTH_WAYS,), **changes)
        await event(integration, await held_back(integration, min(left, AT_ONCE)))
        await eventually(lambda: not relay.worker.connections, 60)
        left -= AT_ONCE
    await nothing_is_left(relay, integration.record.tenant_id)
    assert all_defects() == before


@pytest.mark.parametrize("how_often", HOW_OFTEN)
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
async def test_f44_nothing_is_left_of_clients_that_vanish(relay, integration_of, event, how_often):
    await repeat(relay, integration_of, event, how_often)


@pytest.mark.parametrize("how_often", HOW_OFTEN)
async def test_f44_nothing_is_left_of_clients_that_vanish_over_tls(tls_relay, trust, integration_of, how_often):
    async def event(_, clients):
        await vanish(clients, reset, close, kill)

    await repeat(tls_relay, integration_of, event, how_often, tls=trust)


@pytest.mark.parametrize("how_often", HOW_OFTEN)
async def test_f44_clients_that_vanish_during_a_drain_do_not_keep_the_process(relay, integration_of, how_often):
    integration = integration_of(relay, policies=(BOTH_WAYS,))
    clients = await held_back(integration, how_often)

    relay.begin_to_stop()
    await vanish(clients, reset, close)

    await eventually(lambda: not relay.thread.is_alive())
    assert not leftovers(relay, integration.record.tenant_id)
