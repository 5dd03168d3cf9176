import asyncio
import os
import signal
import time
from contextlib import suppress

import pytest
import pytest_asyncio
import websockets

from relay.protocol.close_codes import CloseCode
from relay.throttle.policy import Beyond, Counted, ZonePolicy
from tests.load.simulator import stats
from tests.relay.eventually import turns
from tests.relay.records import policy

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(180)]
PROCESSES, MOST = 4, 20
CAP = ZonePolicy(name="client_connections", counted=Counted.OPEN_CONNECTIONS, permits=MOST, beyond=Beyond.REJECT)
FREE_SECONDS = 10.0  # after which a dead process's places are free
GONE_SECONDS = 1.0  # in which the platform has seen all connections of a killed process end
STALL_SECONDS = 13.0  # its places are free by then; its supervisor kills it after 15
OPEN_SECONDS, PAUSE_SECONDS, PATIENCE_SECONDS = 1.0, 0.1, 10.0
TOO_MANY_REQUESTS = 429


class Client:
    """A client that wants more connections than it may have, and tries again and again."""

    def __init__(self, url, headers, platform):
        self.url, self.headers, self.platform = f"{url}/v2/websocket/orders", headers, platform
        self.open, self.refused = [], 0

    async def try_for_ever(self):
        """Open what can be opened."""
        while True:
            try:
                connecting = websockets.connect(
                    self.url, additional_headers=self.headers, proxy=None, open_timeout=OPEN_SECONDS, ping_interval=None
                )
                self.open.append(await connecting)
            except websockets.InvalidStatus as refused:
                self.refused += refused.response.status_code == TOO_MANY_REQUESTS
            except (OSError, TimeoutError, websockets.InvalidHandshake):
                pass  # the process is dead, or stalled
            await turns(PAUSE_SECONDS)

    async def opened_at_platform(self):
        """How many connections the platform has."""
        counts = await asyncio.to_thread(stats, self.platform)
        return counts["connections"]["open"]

    async def until(self, is_so, seconds=PATIENCE_SECONDS):
        """Wait until the number of connections at the platform is as it should be; answers how long that took."""
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while not is_so(await self.opened_at_platform()):
                await turns(PAUSE_SECONDS)
        return time.monotonic() - began

    def codes(self):
        """How the relay closed connections."""
        return [one.close_code for one in self.open if one.close_code is not None]


@pytest.fixture
def broken():
    """Which defences the relay lacks."""
    return ""


@pytest_asyncio.fixture
async def client(relay_of, client_of, platform_of, broken):
    """A client that has all that it may have, and tries to get more."""
    platform, _ = platform_of()
    relay = relay_of(processes=PROCESSES, broken=broken)
    client = Client(relay.url, client_of((platform, platform), policies=(policy(CAP),)), platform)
    trying = asyncio.create_task(client.try_for_ever())
    await client.until(lambda count: count == MOST)
    yield client, relay
    trying.cancel()
    with suppress(asyncio.CancelledError):
        await trying
    for one in client.open:
        one.transport.abort()


async def test_f1_places_of_a_killed_process_are_free_within_ten_seconds_and_no_more_than_those(client, told):
    client, relay = client

    os.kill(relay.busiest(), signal.SIGKILL)
    killed_at = time.monotonic()
    await client.until(lambda count: count < MOST)
    await turns(GONE_SECONDS)
    left = await client.opened_at_platform()
    await client.until(lambda count: count > left, FREE_SECONDS)
    seconds = time.monotonic() - killed_at
    await client.until(lambda count: count == MOST)
    refused = client.refused
    await turns(3 * PAUSE_SECONDS)

    told(f"F1: {MOST - left} places of a killed process free after {seconds:.1f} s")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while client.refused < refused + 5:
            await turns(PAUSE_SECONDS)
    assert seconds < FREE_SECONDS
    assert await client.opened_at_platform() == MOST


async def test_f53_a_process_that_stalled_comes_back_with_no_right_to_more_than_the_cap(client, told):
    client, relay = client
    stalled = relay.busiest()

    os.kill(stalled, signal.SIGSTOP)
    try:
        await turns(STALL_SECONDS)
        most = await client.opened_at_platform()
    finally:
        os.kill(stalled, signal.SIGCONT)
    seconds = await client.until(lambda count: count <= MOST)

    await turns(1.0)
    told(f"F53: {most} open while a process stalled, {MOST} again {seconds:.1f} s after: {client.codes()}")
    assert await client.opened_at_platform() <= MOST
    assert set(client.codes()) == {CloseCode.CONNECTION_LIMIT}
    assert len(client.codes()) >= most - MOST > 0


@pytest.mark.conformance
@pytest.mark.parametrize("broken", ["give_up"])
async def test_twin_of_f53_a_process_that_gives_nothing_up_exceeds_the_cap(client):
    client, relay = client
    stalled = relay.busiest()

    os.kill(stalled, signal.SIGSTOP)
    try:
        await client.until(lambda count: count > MOST, STALL_SECONDS)
    finally:
        os.kill(stalled, signal.SIGCONT)
    await turns(2.0)

    assert await client.opened_at_platform() > MOST
