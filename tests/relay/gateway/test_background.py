import asyncio
import json

import pytest

from relay.store.announcements import announce
from relay.store.receipts import read_receipts
from relay.store.workers import names_of_alive_workers
from tests.relay.eventually import eventually
from tests.relay.integration import RawConnection, drop
from tests.relay.running import HOST, running_relay

pytestmark = pytest.mark.asyncio
MIB = 1024 * 1024


@pytest.fixture
def tight_relay(relays_redis_url, store):
    """A relay whose memory is short from its start on."""
    with running_relay(relays_redis_url, MEMORY_LIMIT_BYTES=1) as running:
        yield running


async def test_f4_a_relay_that_is_short_of_memory_lets_nobody_in_but_is_alive(tight_relay, integration_of):
    await eventually(lambda: tight_relay.worker.resources.memory_bytes)

    response = await integration_of(tight_relay).refusal()

    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert json.loads(response.body)["code"] == "relay_full"


async def test_f4_those_who_hold_most_are_closed_with_1013(mortal_relay, integration_of, bare):
    client, platform = await bare(at=mortal_relay, buffer_bytes=16_384)
    client.writer.transport.pause_reading()
    platform.send((b"\x82\x7f" + MIB.to_bytes(8) + bytes(MIB)) * 5)
    await eventually(lambda: [one for one in list(mortal_relay.worker.connections) if one.session.buffered_bytes])

    mortal_relay.worker.resources.memory_limit_bytes = 1

    assert await platform.close_frame() == (1001, "memory_short")
    assert mortal_relay.worker.counters.closes["floodgate", 1013] == 1


def receipts_of(integration):
    """What relay processes say of its tenant."""
    return read_receipts(integration.record.tenant_id).receipts


async def test_a_relay_confirms_by_the_name_under_which_it_is_alive(relay, integration):
    await integration.connect()

    entry_id = announce(integration.record.tenant_id)

    receipts = await eventually(lambda: receipts_of(integration))
    assert set(receipts) <= set(names_of_alive_workers())
    await eventually(lambda: receipts_of(integration)[relay.worker.name].entry_id == entry_id)


async def test_f6_a_relay_that_is_short_of_files_lets_nobody_in_but_goes_on(mortal_relay, integration_of):
    connection = await integration_of(mortal_relay).connect()

    mortal_relay.worker.resources.most_files = 10
    response = await integration_of(mortal_relay).refusal()

    assert (response.status_code, json.loads(response.body)["code"]) == (503, "relay_full")
    await connection.send("hi")
    assert await connection.recv() == "hi"


async def test_f6_where_files_are_short_a_refused_client_keeps_none(mortal_relay, integration_of):
    mortal_relay.worker.resources.most_files = 10
    client = await integration_of(mortal_relay).knock("/v2/websocket/echo")

    assert await client.read_status() == 503
    await client.end()

    await eventually(lambda: not mortal_relay.server.server_state.connections)


async def test_f6_where_files_are_short_a_silent_client_keeps_one_for_a_second(mortal_relay):
    mortal_relay.worker.resources.most_files = 10
    silent = RawConnection(*await asyncio.open_connection(HOST, mortal_relay.port))

    assert await silent.read_status() == 408

    assert b"within 1 s" in await silent.end()
    await drop(silent.writer)
