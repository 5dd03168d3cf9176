import asyncio

import pytest

from relay.throttle.policy import Beyond, Counted, ZonePolicy
from tests.faults.ground.neighbours import p99, round_trips_ms
from tests.load import simulator
from tests.load.apart import generated
from tests.load.generators.orders import Door, Storm, Stormed
from tests.load.tries import at_most_three_times
from tests.relay.records import policy

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(900)]
PROGRAMS, NEIGHBOURS = 500, 20
BESIDE_SECONDS, MOST_SECONDS = 60.0, 150.0
COUNTED = 400  # of the programs: the last ones no longer ask often enough to use up the limit
PER_SECOND, BURST = 5, 10
LIMITED = policy(
    ZonePolicy(
        name="client_handshakes",
        counted=Counted.HANDSHAKES,
        permits=PER_SECOND,
        burst=BURST,
        delay=BURST,
        beyond=Beyond.REJECT,
    )
)
MOST_TIMES = 2


async def test_l2_of_500_programs_at_once_each_is_let_in_or_told_when_at_the_rate_of_the_limit(
    many_files, relay_of, client_of, platform_of, told
):
    relay, platform, (port, _) = relay_of(), platform_of(), platform_of()
    url, quiet = f"{relay.url}/v2/websocket/echo", [client_of(platform) for _ in range(NEIGHBOURS)]

    async def measure():
        stormy = client_of((port, port), policies=(LIMITED,))["Authorization"]
        opened_before = simulator.stats(port)["connections"]["total"]
        alone_ms = p99(await round_trips_ms(url, quiet, BESIDE_SECONDS / 4))
        order = Storm(Door(relay.port, (stormy,)), PROGRAMS, MOST_SECONDS)
        storming = asyncio.create_task(generated(order, Stormed))
        beside = await round_trips_ms(url, quiet, BESIDE_SECONDS)
        storm = await storming

        seconds, beside_ms = storm.admitted_at[COUNTED - 1], p99(beside)
        allowed = PER_SECOND * seconds + BURST + 1
        opened = simulator.stats(port)["connections"]["total"] - opened_before
        told(
            f"L2: {len(storm.admitted_at)} of {PROGRAMS} in, {opened} at the platform, {storm.told} refusals, untold "
            f"{storm.untold[:5]}, {COUNTED} in {seconds:.1f} s where {allowed:.1f} may, "
            f"p99 {alone_ms:.2f} -> {beside_ms:.2f} ms, longest {beside[-1]:.1f} ms"
        )
        assert len(storm.admitted_at) == opened == PROGRAMS
        assert storm.untold == []
        assert 0.95 * allowed <= COUNTED <= allowed
        return beside_ms <= MOST_TIMES * alone_ms

    await at_most_three_times(measure)
