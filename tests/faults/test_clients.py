import asyncio
import signal
import sys
import time
from asyncio.subprocess import PIPE

import pytest
import pytest_asyncio

from relay.throttle.policy import Beyond, Counted, Scope, ZonePolicy
from tests.architecture.sources import ROOT
from tests.faults.ground.clients import answer_to, connected, push
from tests.relay.eventually import eventually
from tests.relay.integration import drop
from tests.relay.records import policy

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]
KIB, MIB = 1024, 1024 * 1024
FREED_SECONDS, SLOW_SECONDS = 60, 35
BEYOND_SECONDS = 50
ONE = policy(
    ZonePolicy(name="places", scope=Scope.CLIENT, counted=Counted.OPEN_CONNECTIONS, permits=1, beyond=Beyond.REJECT)
)


@pytest.fixture
def client(client_of, platform_of):
    """A client that may have one connection, and where its platform is told what to do."""
    port, _ = platform_of()
    return port, client_of((port, port), policies=(ONE,))


@pytest_asyncio.fixture
async def sitter_of():
    """Starts clients in processes of their own."""
    started = []

    async def start(relay, headers):
        url = f"{relay.url}/v2/websocket/orders"
        command = (sys.executable, "-m", "tests.faults.ground.sitter", url, headers["Authorization"])
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
        started.append(process)
        assert await process.stdout.readline() == b"connected\n"
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def seconds_until_free(relay, patience_seconds):
    """How long a client's place is taken; infinite where that is longer than one waits."""
    began = time.monotonic()
    try:
        await eventually(lambda: relay.metric("floodgate_connections") == 0, patience_seconds)
    except TimeoutError:
        return float("inf")
    return time.monotonic() - began


@pytest.mark.soak
async def test_f42_the_place_of_a_client_whose_cable_was_pulled_is_free_in_time(relay_of, client, proxy_of, told):
    relay, (_, headers) = relay_of(), client
    proxy = proxy_of(relay.port)
    lost = await connected(proxy.port, headers)
    taken = await answer_to(relay.port, headers)
    proxy.blackhole()

    seconds = await seconds_until_free(relay, FREED_SECONDS)
    free = await answer_to(relay.port, headers)

    told(f"F42, cable pulled: place free after {seconds:.1f} s; before {taken.status}, after {free.status}")
    await drop(lost.writer)
    assert taken.status == 429
    assert seconds <= FREED_SECONDS
    assert free.status == 101


@pytest.mark.conformance
async def test_f42_twin_without_probes_a_client_that_is_gone_keeps_its_place(relay_of, client, proxy_of):
    relay, (_, headers) = relay_of(broken="dead_peers"), client
    proxy = proxy_of(relay.port)
    lost = await connected(proxy.port, headers)
    proxy.blackhole()

    assert await seconds_until_free(relay, BEYOND_SECONDS) == float("inf")
    assert (await answer_to(relay.port, headers)).status == 429
    await drop(lost.writer)


@pytest.mark.soak
async def test_f42_a_stopped_client_that_nobody_writes_to_keeps_its_place_without_an_idle_limit(
    relay_of, client, sitter_of, told
):
    relay, (_, headers) = relay_of(), client
    sitter = await sitter_of(relay, headers)
    sitter.send_signal(signal.SIGSTOP)

    seconds = await seconds_until_free(relay, BEYOND_SECONDS)
    sitter.send_signal(signal.SIGCONT)

    told(f"F42, stopped and quiet, no idle limit: place free after {seconds:.1f} s")
    assert seconds == float("inf")
    assert relay.metric("floodgate_connections") == 1


@pytest.mark.soak
@pytest.mark.parametrize("idle_seconds", [5, 30])
async def test_f42_a_stopped_client_is_idle_and_its_place_is_free_after_the_idle_limit(
    idle_seconds, relay_of, client, sitter_of, told
):
    relay, (_, headers) = relay_of(FLOODGATE_IDLE_SECONDS=str(idle_seconds)), client
    sitter = await sitter_of(relay, headers)
    sitter.send_signal(signal.SIGSTOP)

    seconds = await seconds_until_free(relay, FREED_SECONDS)
    sitter.send_signal(signal.SIGCONT)
    code = int(await sitter.stdout.readline())

    told(f"F42, stopped and quiet, idle limit {idle_seconds} s: place free after {seconds:.1f} s, then it reads {code}")
    assert idle_seconds <= seconds <= min(idle_seconds + 10, FREED_SECONDS)
    assert relay.metric("floodgate_closes_total", code="4408") == 1
    assert code == 4408


@pytest.mark.soak
async def test_f42_a_stopped_client_that_is_written_to_is_a_slow_reader(relay_of, client, sitter_of, told):
    relay, (platform, headers) = relay_of(), client
    sitter = await sitter_of(relay, headers)
    push(platform, rate=100, size=64 * KIB)
    sitter.send_signal(signal.SIGSTOP)

    seconds = await seconds_until_free(relay, FREED_SECONDS)
    closes = relay.metric("floodgate_closes_total", code="4413")
    sitter.send_signal(signal.SIGCONT)
    code = int(await sitter.stdout.readline())

    told(f"F42, stopped and written to: place free after {seconds:.1f} s, 4413 counted {closes:g}, it reads {code}")
    assert seconds <= FREED_SECONDS


@pytest.mark.soak
@pytest.mark.parametrize("limit_seconds", [5, 30])
async def test_f39_f43_a_client_that_never_reads_is_closed_and_holds_little_until_then(
    limit_seconds, relay_of, client, told
):
    relay, (platform, headers) = relay_of(FLOODGATE_SLOW_READER_SECONDS=str(limit_seconds)), client
    deaf, before_bytes = await connected(relay.port, headers, reads=False), relay.memory_bytes()
    push(platform, rate=100, size=64 * KIB)

    seconds = await seconds_until_free(relay, limit_seconds + 4 * 5)
    grown_bytes = relay.memory_bytes() - before_bytes
    closes = relay.metric("floodgate_closes_total", code="4413")

    told(f"F39/F43, {limit_seconds} s: free after {seconds:.1f} s, 4413 {closes:g}, relay {grown_bytes / MIB:+.2f} MiB")
    await drop(deaf.writer)
    assert limit_seconds <= seconds <= limit_seconds + 5
    assert grown_bytes <= 5 * MIB


@pytest.mark.conformance
async def test_f43_twin_without_an_inspection_and_a_timeout_one_that_never_reads_stays(relay_of, client):
    platform, headers = client
    relay = relay_of(broken="inspection,dead_peers", FLOODGATE_SLOW_READER_SECONDS="5")
    deaf = await connected(relay.port, headers, reads=False)
    push(platform, rate=100, size=64 * KIB)

    assert await seconds_until_free(relay, SLOW_SECONDS + 5) == float("inf")
    await drop(deaf.writer)
