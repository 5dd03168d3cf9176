import asyncio
import time
from contextlib import suppress

import pytest
import pytest_asyncio
import websockets

from tests.faults.ground.clients import answer_to
from tests.faults.ground.ways import Way
from tests.relay.eventually import eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]
KIB, MIB = 1024, 1024 * 1024
SLACK_SECONDS = 3
DEADLINE_SECONDS = {"hang_accept": 10, "blackhole": 5}  # for the answer to a handshake, for the connection
NOTICED_SECONDS = 35
BEYOND_NOTICED_SECONDS = 50
QUIET, BUSY = 0, 16 * KIB


@pytest.fixture
def proxied(platform_of, proxy_of):
    """A proxy before a platform's sockets, and the platform as clients have it: tokens come directly."""
    port, echo_port = platform_of()
    proxy = proxy_of(echo_port)
    return proxy, (port, proxy.port)


@pytest_asyncio.fixture
async def session_of(client_of):
    """Opens connections that are closed at the end."""
    opened = []

    async def connect(relay, platform):
        url = f"{relay.url}/v2/websocket/echo"
        headers = client_of(platform)
        opened.append(
            await websockets.connect(url, additional_headers=headers, proxy=None, compression=None, ping_interval=None)
        )
        await opened[-1].send("hello")
        assert await opened[-1].recv() == "hello"
        return opened[-1]

    yield connect
    for connection in opened:
        connection.transport.abort()
        await connection.wait_closed()


async def end_of(connection, patience_seconds, message_bytes=0):
    """Send until the end, read all: close code, reason, seconds, bytes that were taken. 0 where it does not end."""
    began, taken_bytes = time.monotonic(), 0

    async def send():
        nonlocal taken_bytes
        with suppress(websockets.ConnectionClosed):
            while message_bytes:
                await connection.send(bytes(message_bytes))
                taken_bytes += message_bytes

    async def read():
        with suppress(websockets.ConnectionClosed):
            while True:
                await connection.recv()

    sending, reading = asyncio.create_task(send()), asyncio.create_task(read())
    await asyncio.wait([reading], timeout=patience_seconds)
    ended = reading.done()
    for task in (sending, reading):
        task.cancel()
    seconds = time.monotonic() - began
    return (connection.close_code or 0 if ended else 0), connection.close_reason or "", seconds, taken_bytes


@pytest.mark.soak
@pytest.mark.parametrize("fault", DEADLINE_SECONDS)
async def test_f30_a_platform_that_never_answers_is_a_503_in_time_and_works_again_once_it_does(
    fault, relay_of, proxied, client_of, told
):
    proxy, platform = proxied
    relay, headers = relay_of(), client_of(platform)
    getattr(proxy, fault)()

    refused = await answer_to(relay.port, headers)
    proxy.heal()
    answered = await answer_to(relay.port, headers)

    told(f"F30, {fault}: {refused}; healed: {answered}")
    assert refused.status == 503
    assert int(refused.retry_after) >= 1
    assert refused.seconds <= DEADLINE_SECONDS[fault] + SLACK_SECONDS
    assert answered.status == 101


@pytest.mark.conformance
async def test_f30_twin_without_deadlines_a_handshake_is_never_answered(relay_of, proxied, client_of):
    proxy, platform = proxied
    relay = relay_of(broken="deadlines")
    proxy.hang_accept()

    answer = await answer_to(relay.port, client_of(platform), DEADLINE_SECONDS["hang_accept"] + 2 * SLACK_SECONDS)

    assert answer.status == 0


@pytest.mark.soak
@pytest.mark.parametrize("message_bytes", [QUIET, BUSY], ids=["quiet", "busy"])
async def test_f36_the_client_of_a_platform_whose_cable_was_pulled_is_told(
    message_bytes, relay_of, proxied, session_of, told
):
    proxy, platform = proxied
    relay = relay_of()
    session, before_bytes = await session_of(relay, platform), relay.memory_bytes()
    proxy.blackhole()

    code, reason, seconds, taken_bytes = await end_of(session, BEYOND_NOTICED_SECONDS, message_bytes)

    grown_bytes = relay.memory_bytes() - before_bytes
    figures = f"taken {taken_bytes / MIB:.1f} MiB, relay {grown_bytes / MIB:+.2f} MiB"
    told(f"F36: {code} {reason} after {seconds:.1f} s, {figures}")
    assert code == 4432
    assert seconds <= NOTICED_SECONDS + SLACK_SECONDS
    assert grown_bytes <= 5 * MIB
    await eventually(lambda: relay.metric("floodgate_connections") == 0)  # the dead platform has 2 s to answer


@pytest.mark.conformance
async def test_f36_twin_without_probes_the_client_of_a_dead_platform_is_never_told(relay_of, proxied, session_of):
    proxy, platform = proxied
    session = await session_of(relay_of(broken="dead_peers"), platform)
    proxy.blackhole()

    code, *_ = await end_of(session, NOTICED_SECONDS + 2 * SLACK_SECONDS)

    assert code == 0


@pytest.mark.soak
@pytest.mark.parametrize("pace", [(5, KIB), (30, KIB), (30, 1)], ids=["5 s, 1 KiB/s", "30 s, 1 KiB/s", "30 s, 1 B/s"])
async def test_f37_a_platform_that_reads_too_slowly_holds_its_client_back_and_is_given_up(
    pace, relay_of, proxied, session_of, told
):
    (proxy, platform), (limit_seconds, bytes_per_second) = proxied, pace
    relay = relay_of(FLOODGATE_SLOW_READER_SECONDS=str(limit_seconds))
    session, before_bytes = await session_of(relay, platform), relay.memory_bytes()
    proxy.bandwidth(bytes_per_second, Way.TO_SERVER)

    code, reason, seconds, taken_bytes = await end_of(session, limit_seconds * 2 + SLACK_SECONDS, 16 * KIB)

    grown_bytes = relay.memory_bytes() - before_bytes
    figures = f"taken {taken_bytes / MIB:.1f} MiB, relay {grown_bytes / MIB:+.2f} MiB"
    told(
        f"F37, {limit_seconds} s, {bytes_per_second} bytes a second: {code:d} {reason} after {seconds:.1f} s, {figures}"
    )
    assert (code, reason.partition(";")[0]) == (4432, "platform_slow")
    assert limit_seconds <= seconds <= limit_seconds * 1.5 + SLACK_SECONDS  # kernels take some at first
    assert taken_bytes <= 16 * MIB
    assert grown_bytes <= 5 * MIB


@pytest.mark.conformance
async def test_f37_twin_without_an_inspection_a_slow_platform_keeps_its_client_waiting(relay_of, proxied, session_of):
    proxy, platform = proxied
    session = await session_of(relay_of(broken="inspection", FLOODGATE_SLOW_READER_SECONDS="5"), platform)
    proxy.bandwidth(1 * KIB, Way.TO_SERVER)

    code, *_ = await end_of(session, 5 * SLACK_SECONDS, 16 * KIB)

    assert code == 0
