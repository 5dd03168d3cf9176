import asyncio

import pytest

from tests.faults.ground.neighbours import p99, round_trips_ms
from tests.load.apart import generated
from tests.load.generators.orders import Door, SlowlyRead, SlowReaders
from tests.load.seen import open_files, watched
from tests.load.tries import at_most_three_times

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(600)]
KIB = 1024
SLOW, NEVER, NEIGHBOURS = 50, 50, 20
SLOW_BYTES_PER_SECOND = 1 * KIB
PUSH = "/v2/websocket/push?rate=20&size=24576"  # fills the kernel's buffers, 4 MB a connection, within ten seconds
BESIDE_SECONDS, ENDED_SECONDS = 40.0, 35.0
MOST_EACH_BYTES, MOST_TIMES = 320 * KIB, 2
SLOW_READER = "4413"


async def test_l5_who_reads_slowly_or_never_is_ended_takes_320_kib_and_does_not_slow_the_neighbours(
    relay_of, client_of, platform_of, told
):
    theirs, (port, _) = platform_of(), platform_of()
    quiet = [client_of(theirs) for _ in range(NEIGHBOURS)]

    async def measure():
        relay = relay_of()
        url = f"{relay.url}/v2/websocket/echo"
        clients = tuple(client_of((port, port))["Authorization"] for _ in range(SLOW + NEVER))
        door = Door(relay.port, clients, PUSH)
        order = SlowReaders(door, SLOW, NEVER, SLOW_BYTES_PER_SECOND, BESIDE_SECONDS)
        alone_ms = p99(await round_trips_ms(url, quiet, BESIDE_SECONDS / 2))
        before_bytes, files = relay.memory_bytes(), open_files(relay) + 2 * NEIGHBOURS

        reading = asyncio.create_task(generated(order, SlowlyRead))
        seen, beside = await watched(relay, round_trips_ms(url, quiet, BESIDE_SECONDS))
        outcome = await reading

        each_bytes, beside_ms = (seen.most_bytes - before_bytes) / (SLOW + NEVER), p99(beside)
        closed = relay.metric("floodgate_closes_total", code=SLOW_READER)
        told(
            f"L5: {each_bytes / KIB:.1f} KiB each, ended after {seen.seconds_over(files):.1f} s, {closed:.0f} of them "
            f"with 4413, seen at {len(outcome.slow_ended_after)} slow and {len(outcome.never_ended_after)} that never "
            f"read, p99 {alone_ms:.2f} -> {beside_ms:.2f} ms, longest {beside[-1]:.1f} ms"
        )
        assert seen.most_files >= files + 2 * (SLOW + NEVER)
        assert seen.seconds_over(files) <= ENDED_SECONDS
        assert each_bytes <= MOST_EACH_BYTES
        return beside_ms <= MOST_TIMES * alone_ms

    await at_most_three_times(measure)
