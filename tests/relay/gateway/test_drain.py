import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress

import aiohttp
import pytest
import pytest_asyncio
import websockets
from floodgate_simulator.faults.fault import Fault
from websockets.frames import Frame, Opcode

from relay.gateway.background import running_worker
from relay.gateway.drain import drain
from tests.architecture.sources import ROOT
from tests.relay.eventually import eventually
from tests.relay.integration import close_of, drop, raw_connection
from tests.relay.opening import upgrade_request
from tests.relay.records import hourly, policy
from tests.relay.running import running_relay
from tests.relay.seen import own_session, received

pytestmark = pytest.mark.asyncio
RESTART = 1012
MIB = 1024 * 1024


@pytest.fixture
def leaving(mortal_relay, integration_of):
    """A client of a relay that is going to end."""
    return integration_of(mortal_relay)


@pytest_asyncio.fixture
async def stuck(bare, mortal_relay):
    """A connection whose client reads nothing, so that a drain takes some seconds."""
    client, platform = await bare(at=mortal_relay, buffer_bytes=16_384)
    client.writer.transport.pause_reading()
    platform.send(Frame(Opcode.BINARY, bytes(MIB)).serialize(mask=False) * 64)  # kernels take more than half of it
    await eventually(platform.writer.transport.get_write_buffer_size)
    return client


async def ended(relay):
    """Wait until a relay's process would be gone."""
    await eventually(lambda: not relay.thread.is_alive(), seconds=15)


async def test_f2_every_open_connection_is_told_1012_and_the_process_ends(leaving):
    connections = [await leaving.connect() for _ in range(5)]

    leaving.relay.begin_to_stop()

    assert [(await close_of(connection))[0] for connection in connections] == [RESTART] * 5
    await ended(leaving.relay)


async def test_the_platform_is_told_that_its_client_goes_away(bare, mortal_relay):
    _, platform = await bare(at=mortal_relay)

    mortal_relay.begin_to_stop()

    assert (await platform.close_frame())[0] == 1001


async def test_a_relay_without_connections_ends(mortal_relay):
    mortal_relay.begin_to_stop()

    await ended(mortal_relay)
    assert mortal_relay.worker.http.closed


async def test_what_was_sent_before_the_drain_arrives(leaving, simulator):
    connection = await leaving.connect("/v2/websocket/orders")
    for number in range(100):
        await connection.send(f"{number}|")
    await eventually(lambda: received(simulator)["messages"] == 100)

    leaving.relay.begin_to_stop()

    assert (await close_of(connection))[0] == RESTART
    assert received(simulator)["order_gaps"] == 0


async def test_a_connection_that_waits_for_its_limit_is_told_1012_too(mortal_relay, integration_of, simulator):
    client = await integration_of(mortal_relay, policies=(policy(hourly(1)),)).connect_raw("/v2/websocket/orders")
    for number in range(3):
        client.say(b"%d|" % number)
    await eventually(lambda: received(simulator)["messages"] == 1)

    mortal_relay.begin_to_stop()

    assert (await client.close_frame())[0] == RESTART


async def test_f2_a_draining_relay_goes_on_listening_and_says_when_to_come_back(leaving, stuck):
    leaving.relay.begin_to_stop()
    await eventually(lambda: leaving.relay.worker.is_draining)

    response = await leaving.refusal()

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")


async def test_f2_closes_are_spread_and_each_client_is_told_a_time_of_its_own(relays_redis_url, integration_of):
    with running_relay(relays_redis_url, DRAIN_SECONDS=1) as relay:
        connections = [await integration_of(relay).connect() for _ in range(5)]
        closing = [asyncio.create_task(close_of(connection)) for connection in connections]

        relay.begin_to_stop()
        await asyncio.wait(closing, return_when=asyncio.FIRST_COMPLETED)
        at_once = sum(task.done() for task in closing)
        reasons = {(await task)[1] for task in closing}

    assert at_once < len(closing)
    assert len(reasons) > 1
    assert all(reason.startswith("drain;retry_after_ms=") for reason in reasons)


async def test_a_second_signal_ends_the_spreading(relays_redis_url, integration_of):
    with running_relay(relays_redis_url, DRAIN_SECONDS=3600) as relay:
        connections = [await integration_of(relay).connect() for _ in range(3)]
        relay.begin_to_stop()
        await eventually(lambda: relay.worker.is_draining)

        relay.hurry()

        assert [(await close_of(connection))[0] for connection in connections] == [RESTART] * 3
        await ended(relay)


@pytest_asyncio.fixture
async def early(leaving):
    """A connection that has asked for nothing yet."""
    connection = await raw_connection(leaving.relay.port)
    await eventually(lambda: leaving.relay.server.server_state.connections)
    yield connection
    await drop(connection.writer)


@pytest.mark.slow
async def test_f2_a_handshake_on_a_connection_from_before_is_answered_503(leaving, stuck, early):
    leaving.relay.begin_to_stop()
    await eventually(lambda: leaving.relay.worker.is_draining)
    early.writer.write(upgrade_request("/v2/websocket/echo"))

    assert await early.read_status() == 503
    assert b"\r\nretry-after: 1\r\n" in early.head.lower()
    assert b'"code": "draining"' in await early.end()


@pytest.mark.slow
async def test_f2_a_draining_relay_is_alive_but_not_ready(leaving, stuck):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        async with http.get(f"{leaving.relay.operations_url}/readyz") as before:
            assert (before.status, await before.json()) == (
                200,
                {"status": "ok", "checks": {"draining": "no", "redis": "ok", "tasks": "ok"}},
            )
        leaving.relay.begin_to_stop()
        await eventually(lambda: leaving.relay.worker.is_draining)
        async with http.get(f"{leaving.relay.operations_url}/readyz") as answer:
            assert (answer.status, (await answer.json())["checks"]["draining"]) == (503, "yes")


@pytest.mark.slow
async def test_f3_a_client_that_never_reads_does_not_keep_the_process(leaving, stuck):
    leaving.relay.begin_to_stop()

    await ended(leaving.relay)


@pytest.mark.slow
async def test_f3_a_client_that_goes_on_sending_does_not_keep_the_process(leaving):
    client = await leaving.connect_raw("/v2/websocket/orders")
    leaving.relay.begin_to_stop()

    with suppress(ConnectionError):
        while leaving.relay.thread.is_alive():
            client.say(bytes(1000), Opcode.BINARY)
            await client.writer.drain()

    await ended(leaving.relay)


async def test_a_worker_that_drains_without_connections_is_done_at_once(redis):
    async with running_worker() as worker:
        await drain(worker, 0, asyncio.Event())

        assert worker.is_draining


@pytest.mark.slow
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP], ids=["sigterm", "sighup"])
async def test_f2_a_signal_drains_a_process_which_then_ends_well(relays_redis_url, integration_of, told):
    command = (sys.executable, "manage.py", "relay", "--port", "0")
    environment = os.environ | {"REDIS_URL": relays_redis_url, "FLOODGATE_OPERATIONS_PORT": "0"}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE)
    try:
        address = (await process.stdout.readline()).decode().split()[-1]
        connection = await websockets.connect(
            f"{address}/v2/websocket/echo", additional_headers=integration_of().headers()
        )
        process.send_signal(told)
        assert (await close_of(connection))[0] == RESTART
    finally:
        if process.returncode is None:
            process.terminate()
        returned = await process.wait()
    assert returned in (0, -signal.SIGTERM)


async def test_f2_a_handshake_that_is_under_way_is_answered_503(leaving, simulator):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake", count=1))
    client = await leaving.knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)

    leaving.relay.begin_to_stop()

    assert await client.read_status() == 503
    assert b"retry-after: 1\r\n" in client.head.lower()
    assert b'"code": "draining"' in await client.end()


async def test_f2_a_handshake_that_succeeds_during_the_drain_is_told_1012(leaving, stuck, simulator):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake", count=1))
    client = await leaving.knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)

    leaving.relay.begin_to_stop()
    await eventually(lambda: leaving.relay.worker.is_draining)
    simulator.simulation.faults.remove(hang.id)

    assert await client.read_status() == 101
    assert (await client.close_frame())[0] == RESTART


async def test_a_session_that_can_not_be_closed_does_not_keep_the_others_from_it(leaving):
    def fail(*_arguments):
        raise ValueError("a defect")

    broken = await leaving.connect_raw()
    vars(await eventually(lambda: own_session(leaving)))["close"] = fail
    others = [await leaving.connect() for _ in range(3)]

    leaving.relay.begin_to_stop()

    assert {(await close_of(other))[0] for other in others} == {RESTART}
    await broken.end()
