import asyncio
import json

import pytest

from relay.process.resources import open_files
from relay.store.announcements import announce
from relay.store.receipts import read_receipts
from relay.store.workers import names_of_alive_workers
from relay.telemetry.defects import defects
from tests.relay.eventually import eventually
from tests.relay.integration import RawConnection, answer_of, close_of, drop, raw_connection
from tests.relay.running import BACKGROUND_TASKS, HOST, running_relay
from tests.relay.seen import own_session

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

    mortal_relay.worker.resources.most_files = open_files() + 40
    response = await integration_of(mortal_relay).refusal()

    assert (response.status_code, json.loads(response.body)["code"]) == (503, "relay_full")
    await connection.send("hi")
    assert await connection.recv() == "hi"


async def test_f6_where_files_are_short_a_refused_client_keeps_none(mortal_relay, integration_of):
    mortal_relay.worker.resources.most_files = open_files() + 40
    client = await integration_of(mortal_relay).knock("/v2/websocket/echo")

    assert await client.read_status() == 503
    await client.end()

    await eventually(lambda: not mortal_relay.server.server_state.connections)


async def test_f6_where_files_are_short_a_silent_client_keeps_one_for_a_second(mortal_relay):
    mortal_relay.worker.resources.most_files = open_files() + 40
    silent = RawConnection(*await asyncio.open_connection(HOST, mortal_relay.port))

    assert await silent.read_status() == 408

    assert b"within 1 s" in await silent.end()
    await drop(silent.writer)


async def test_f6_where_hardly_a_file_is_left_a_silent_client_is_told_when_to_come_back_at_once(mortal_relay):
    mortal_relay.worker.resources.most_files = open_files() + 5
    silent = RawConnection(*await asyncio.open_connection(HOST, mortal_relay.port))

    assert await silent.read_status() == 503

    assert b"Retry-After: " in silent.head.title()
    assert b"relay_full" in await silent.end()
    await drop(silent.writer)


def end_task(relay, name):
    """Have one of its background tasks end, as a defect would."""
    loop = relay.server.servers[0].get_loop()
    [task] = [task for task in asyncio.all_tasks(loop) if task.get_name() == name]
    loop.call_soon_threadsafe(task.cancel)


async def test_every_background_task_is_watched(relay):
    assert tuple(relay.worker.tasks.names) == BACKGROUND_TASKS


@pytest.mark.parametrize("name", BACKGROUND_TASKS)
async def test_f60_a_relay_whose_background_task_ends_tells_its_clients_and_ends(mortal_relay, integration_of, name):
    connection = await integration_of(mortal_relay).connect()

    end_task(mortal_relay, name)

    code, reason = await close_of(connection)
    assert (code, reason.partition(";")[0]) == (1012, "drain")
    await eventually(lambda: not mortal_relay.thread.is_alive())
    assert (mortal_relay.server.has_failed, mortal_relay.worker.tasks.ended) == (True, [name])


async def test_a_relay_whose_background_task_ended_is_not_ready_and_names_the_task(mortal_relay, integration_of):
    client = await integration_of(mortal_relay).connect_raw("/v2/websocket/echo")

    end_task(mortal_relay, "sweep zones")
    await client.close_frame()  # it does not answer, so the relay waits
    operations = await raw_connection(mortal_relay.operations_port)
    operations.send(b"GET /readyz HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert await operations.read_status() == 503
    assert json.loads(await operations.end())["checks"]["tasks"] == "ended: sweep zones"
    await drop(operations.writer)


async def test_a_relay_that_was_told_to_end_has_not_failed(mortal_relay):
    mortal_relay.stop()

    assert (mortal_relay.server.has_failed, mortal_relay.worker.tasks.ended) == (False, [])


def fail(*_arguments):
    raise ValueError("a defect")


async def test_a_session_that_can_not_be_inspected_ends_and_no_other(integration):
    broken = await integration.connect_raw()
    session = await eventually(lambda: own_session(integration))
    other, before = await integration.connect(), defects().get("inspection", 0)

    vars(session)["inspect"] = fail

    await broken.end()
    await other.send("still here")
    assert await answer_of(other) == "still here"
    assert defects()["inspection"] == before + 1


async def test_f4_a_session_that_can_not_be_closed_for_memory_is_torn_down(mortal_relay, integration_of):
    integration = integration_of(mortal_relay)
    broken = await integration.connect_raw()
    vars(await eventually(lambda: own_session(integration)))["close"] = fail
    other = await integration.connect()

    mortal_relay.worker.resources.memory_limit_bytes = 1

    await broken.end()
    assert (await close_of(other))[0] == 1013
