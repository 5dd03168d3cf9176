import asyncio
import time

import pytest

from relay.throttle.policy import default_zones
from tests.faults.ground.flooder import Flood, Outcome
from tests.faults.ground.neighbours import p99, round_trips_ms
from tests.load import simulator
from tests.load.apart import generated
from tests.load.seen import watched
from tests.load.tries import at_most_three_times
from tests.relay.records import policy

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(600)]
MIB = 1024 * 1024
SECONDS, LONGER_SECONDS = 60.0, 3.0  # the flood goes on until all has been counted
NEIGHBOURS = 20
PER_SECOND, BURST = 100, 20  # of the default zones
MOST_ADDED_MS, MOST_ADDED_BYTES = 20, 5 * MIB


@pytest.mark.parametrize("kind", ["one_byte", "large"])
async def test_l3_a_minute_of_flood_is_held_to_its_limit_and_neither_slows_the_neighbours_nor_fills_the_relay(
    kind, relay_of, client_of, platform_of, told
):
    theirs, (port, _) = platform_of(), platform_of()
    quiet = [client_of(theirs) for _ in range(NEIGHBOURS)]

    async def measure():
        relay = relay_of()
        url = f"{relay.url}/v2/websocket/echo"
        flooder = client_of((port, port), policies=(policy(*default_zones()),))["Authorization"]
        order = Flood(relay.port, flooder, kind, seconds=SECONDS + LONGER_SECONDS)
        alone_ms = p99(await round_trips_ms(url, quiet, SECONDS / 4))
        before_bytes = relay.memory_bytes()

        flooding = asyncio.create_task(generated(order, Outcome))
        seen, beside = await watched(relay, round_trips_ms(url, quiet, SECONDS))
        fewest_seconds = time.time()
        stats = simulator.stats(port)
        most_seconds = time.time()
        outcome = await flooding

        [flood] = [row for row in stats["by_connection"] if row["open"]]
        fewest = 0.99 * PER_SECOND * (fewest_seconds - flood["opened_at"])
        most = PER_SECOND * (most_seconds - flood["opened_at"]) + BURST + 1
        told(
            f"L3, {kind}: {flood['messages']} accepted where {fewest:.1f} to {most:.1f} may, in a second "
            f"{flood['peak_sliding_second']}, p99 {alone_ms:.2f} -> {p99(beside):.2f} ms, longest {beside[-1]:.1f} ms, "
            f"relay {(seen.most_bytes - before_bytes) / MIB:+.2f} MiB, taken {outcome.sent_bytes / MIB:.1f} MiB"
        )
        assert fewest <= flood["messages"] <= most
        assert flood["peak_sliding_second"] <= PER_SECOND + BURST + 1
        assert outcome.open_at_end == 1
        assert seen.most_bytes - before_bytes <= MOST_ADDED_BYTES
        return p99(beside) - alone_ms <= MOST_ADDED_MS

    await at_most_three_times(measure)
