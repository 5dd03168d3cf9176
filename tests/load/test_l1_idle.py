import pytest

from tests.faults.ground.neighbours import p99, round_trips_ms
from tests.load.apart import holding
from tests.load.generators.orders import Door
from tests.load.tries import at_most_three_times
from tests.relay.eventually import turns

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(600)]
CONNECTIONS, FEW, FIRST = 5_000, 10, 64  # the first ones load what is loaded once
ACTIVE_SECONDS, SETTLE_SECONDS = 20.0, 2.0
MOST_KIB, MOST_TIMES = 28, 3


async def test_l1_five_thousand_idle_connections_take_28_kib_each_and_do_not_slow_an_active_one(
    many_files, relay_of, client_of, platform_of, told
):
    active, idle = client_of(platform_of()), client_of(platform_of())["Authorization"]

    async def measure():
        relay = relay_of()
        door, url = Door(relay.port, (idle,)), f"{relay.url}/v2/websocket/echo"
        async with holding(door, FIRST):
            await round_trips_ms(url, [active], SETTLE_SECONDS)
        async with holding(door, FEW):
            alone_ms = p99(await round_trips_ms(url, [active], ACTIVE_SECONDS))
        await turns(SETTLE_SECONDS)
        before_bytes = relay.memory_bytes()
        async with holding(door, CONNECTIONS):
            await turns(SETTLE_SECONDS)
            each_kib = (relay.memory_bytes() - before_bytes) / CONNECTIONS / 1024
            beside_ms = p99(await round_trips_ms(url, [active], ACTIVE_SECONDS))
        told(f"L1: {CONNECTIONS} idle, {each_kib:.1f} KiB each, p99 {alone_ms:.2f} -> {beside_ms:.2f} ms")
        assert each_kib <= MOST_KIB
        return beside_ms <= MOST_TIMES * alone_ms

    await at_most_three_times(measure)
