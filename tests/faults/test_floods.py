import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from relay.throttle.policy import Counted, Scope, ZonePolicy
from tests.faults.ground.clients import flooding
from tests.faults.ground.flooder import FRAMES, Flood
from tests.faults.ground.neighbours import p99, round_trips_ms
from tests.faults.ground.processes import RelayProcess
from tests.relay.records import policy

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(180)]
KIB, MIB = 1024, 1024 * 1024
NEIGHBOURS = 10
SECONDS = 8.0
LIMITED = policy(
    ZonePolicy(name="client", permits=100, burst=20, delay=10),
    ZonePolicy(
        name="control_frames", scope=Scope.CONNECTION, counted=Counted.CONTROL_FRAMES, permits=10, burst=20, delay=20
    ),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A relay, quiet clients of one platform, and one that will flood another: only the relay is common to them."""

    relay: RelayProcess
    quiet: list[dict[str, str]]
    authorization_of: Callable[..., str]


@pytest.fixture
def scene(relay_of, client_of, platform_of):
    """A scene of the test's own."""
    theirs, flooded = platform_of(), platform_of()
    quiet = [client_of(theirs) for _ in range(NEIGHBOURS)]
    return Scene(relay_of(), quiet, lambda *policies: client_of(flooded, policies=policies)["Authorization"])


@pytest.mark.parametrize("limits", [(), (LIMITED,)], ids=["unlimited", "limited"])
@pytest.mark.parametrize(("kind", "connections"), [(kind, count) for kind in FRAMES for count in (1, 50)])
async def test_l4_no_flood_slows_the_neighbours_or_fills_the_relay(kind, connections, limits, scene, told):
    relay, url = scene.relay, f"{scene.relay.url}/v2/websocket/echo"
    alone_ms = p99(await round_trips_ms(url, scene.quiet, SECONDS / 2))
    before_bytes = relay.memory_bytes()
    order = Flood(relay.port, scene.authorization_of(*limits), kind, connections, SECONDS)

    flood = asyncio.create_task(flooding(order))
    beside_ms = p99(await round_trips_ms(url, scene.quiet, SECONDS))
    grown_bytes = relay.memory_bytes() - before_bytes
    outcome = await flood

    lag_ms = 1000 * relay.metric("floodgate_loop_lag_seconds")
    figures = f"p99 {alone_ms:.1f} -> {beside_ms:.1f} ms, loop {lag_ms:.0f} ms late, relay {grown_bytes / MIB:+.2f} MiB"
    told(f"{kind} x {connections}: {figures}, taken {outcome.sent_bytes / MIB:.1f} MiB, open {outcome.open_at_end}")
    assert beside_ms - alone_ms <= 20
    assert grown_bytes <= (5 * MIB if connections == 1 else connections * 320 * KIB)


async def test_a_flooding_client_that_sends_no_pings_is_connected_after_90_seconds(scene, told):
    relay = scene.relay
    order = Flood(relay.port, scene.authorization_of(LIMITED), "one_byte", seconds=95)
    before_bytes = relay.memory_bytes()

    outcome = await flooding(order)

    grown_bytes = relay.memory_bytes() - before_bytes
    told(f"95 s of flood: open {outcome.open_at_end}, relay {grown_bytes / MIB:+.2f} MiB")
    assert outcome.open_at_end == 1
    assert grown_bytes <= 5 * MIB
