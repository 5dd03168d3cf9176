import pytest

from relay.throttle.policy import default_zones
from tests.load import simulator
from tests.load.apart import generated
from tests.load.generators.orders import Door, Pace, Steady
from tests.load.tries import TRIES, at_most_three_times
from tests.relay.records import policy

SECONDS = 600.0
pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(TRIES * (SECONDS + 60))]
CLIENTS = 10
PER_SECOND, SHARE = 100, 0.8  # of the default zones
MOST_ADDED_MS = 13


async def test_l6_who_stays_at_80_percent_of_the_limit_is_never_held_back_or_closed_and_hardly_later(
    relay_of, client_of, platform_of, told
):
    port, _ = platform_of()

    async def measure():
        relay = relay_of()
        clients = [client_of((port, port), policies=(policy(*default_zones()),)) for _ in range(CLIENTS)]
        relayed = Door(relay.port, tuple(client["Authorization"] for client in clients))
        direct = Door(port, (simulator.authorization(port),) * CLIENTS)
        simulator.reset(port)
        through, beside = await generated(Steady((relayed, direct), SHARE * PER_SECOND, SECONDS), list[Pace])

        counted = simulator.stats(port)["overall"]
        waited = relay.metric("floodgate_waited_messages_total")
        throttled, closes = relay.metric("floodgate_throttled_total"), relay.metric("floodgate_closes_total")
        told(
            f"L6: {through.sent} sent, {through.echoed} back, {waited:.0f} waited, throttled {throttled:.0f}, "
            f"closes {closes:.0f}, lost {through.lost}; relayed p50 {through.p50_ms:.2f} p99 {through.p99_ms:.2f} "
            f"longest {through.longest_ms:.1f} ms, direct p50 {beside.p50_ms:.2f} p99 {beside.p99_ms:.2f} "
            f"longest {beside.longest_ms:.1f} ms"
        )
        assert through.sent >= 0.99 * SHARE * PER_SECOND * SECONDS * CLIENTS
        assert through.echoed == through.sent
        assert counted["messages"] == through.sent + beside.sent
        assert counted["order_gaps"] == counted["missing"] == counted["duplicates"] == 0
        assert waited == throttled == closes == through.lost == 0
        return through.p99_ms - beside.p99_ms <= MOST_ADDED_MS

    await at_most_three_times(measure)
