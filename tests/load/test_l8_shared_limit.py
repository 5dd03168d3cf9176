import asyncio
from collections import Counter

import pytest

from relay.store.pool import blocking
from relay.throttle.policy import Scope, ZonePolicy, default_zones
from tests.faults.ground.flooder import Flood, Outcome
from tests.load.apart import generated
from tests.load.generators.orders import Door, Pace, Steady
from tests.load.tries import TRIES, at_most_three_times
from tests.relay.records import policy

SECONDS = 20.0
LONG_SECONDS = 60.0  # beside which the handshakes at its beginning don't count
pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(TRIES * 120)]
TENANT = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=400, burst=40, delay=40)
QUIET, PER_SECOND = 9, 20
FLOODING = 50
MOST_ADDED_MS = 20
WIDE = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=20_000, burst=2_000, delay=2_000)
SENDERS, EACH = 40, 250
MOST_ROUND_TRIPS = 5  # for a thousand messages

CALLED = ("evalsha", "eval", "xadd", "xread", "xrange", "xrevrange", "ping")  # scripts call others


def calls_of_redis():
    """How often relay processes have called Redis."""
    stats = blocking().info("commandstats")
    return Counter({name: stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in CALLED})


@pytest.mark.parametrize("processes", [1, 4])
async def test_l8_a_client_that_floods_on_fifty_connections_slows_only_itself(
    processes, relay_of, tenant_of, platform_of, told
):
    port, _ = platform_of()
    names = [f"quiet{number}" for number in range(QUIET)]

    async def measure():
        relay = relay_of(processes=processes)
        clients = tenant_of((port, port), (policy(TENANT),), **{name: {} for name in (*names, "flooder")})
        door = Door(relay.port, tuple(clients[name]["Authorization"] for name in names))
        [alone] = await generated(Steady((door,), PER_SECOND, SECONDS / 2), list[Pace])
        order = Flood(relay.port, clients["flooder"]["Authorization"], "one_byte", FLOODING, SECONDS + 4)
        flooding = asyncio.create_task(generated(order, Outcome))
        [beside] = await generated(Steady((door,), PER_SECOND, SECONDS), list[Pace])
        await flooding

        told(
            f"L8, {processes} processes: {beside.echoed} of {beside.sent} back, "
            f"p99 {alone.p99_ms:.2f} -> {beside.p99_ms:.2f} ms, longest {beside.longest_ms:.1f} ms"
        )
        assert beside.echoed == beside.sent >= 0.99 * QUIET * PER_SECOND * SECONDS
        assert beside.lost == 0
        return beside.p99_ms - alone.p99_ms <= MOST_ADDED_MS

    await at_most_three_times(measure)


async def test_l14_ten_thousand_messages_a_second_through_shared_zones_cost_few_calls_of_redis(
    relay_of, tenant_of, platform_of, told
):
    own = tuple(zone for zone in default_zones() if zone.scope is Scope.CONNECTION and zone.name != "connection")
    relay = relay_of(processes=4)
    clients = tenant_of(platform_of(), (policy(WIDE, *own),), **{f"c{number}": {} for number in range(SENDERS)})
    door = Door(relay.port, tuple(client["Authorization"] for client in clients.values()))
    before = calls_of_redis()

    [pace] = await generated(Steady((door,), EACH, LONG_SECONDS), list[Pace])

    each = {name: 1000 * count / pace.sent for name, count in (calls_of_redis() - before).items()}
    trips = sum(each.values())
    told(f"L14: {pace.sent / LONG_SECONDS:.0f} messages/s, {trips:.2f} calls of Redis for a thousand: {each}")
    assert pace.sent >= 0.85 * SENDERS * EACH * LONG_SECONDS
    assert trips <= MOST_ROUND_TRIPS
