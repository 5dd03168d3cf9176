from dataclasses import dataclass

import pytest

from tests.faults.ground.leftovers import keys_without_end
from tests.load.apart import generated
from tests.load.generators.orders import Churn, Churned, Door
from tests.load.seen import open_files, threads
from tests.relay.eventually import turns

ROUNDS, ROUND_SECONDS, SETTLE_SECONDS = 10, 60.0, 15.0  # zones are swept every ten seconds
pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(ROUNDS * ROUND_SECONDS + 300)]
PER_SECOND = 100
CLIENTS = 4
MIB = 1024 * 1024
MOST_ADDED_BYTES = 5 * MIB


@dataclass(frozen=True, slots=True)
class Rest:
    """A relay process at rest, and Redis."""

    files: int
    threads: int
    memory_bytes: int
    keys_without_end: int

    @classmethod
    async def of(cls, relay):
        """As it is when all that ended has been cleared away."""
        await turns(SETTLE_SECONDS)
        assert relay.metric("floodgate_connections") == 0
        return cls(open_files(relay), threads(relay), relay.memory_bytes(), len(keys_without_end()))


async def test_l12_ten_minutes_of_coming_and_going_leave_nothing_behind(relay_of, client_of, platform_of, told):
    relay, platform = relay_of(), platform_of()

    async def churned():
        """With new clients each time: a token lives for ten minutes."""
        clients = tuple(client_of(platform)["Authorization"] for _ in range(CLIENTS))
        churn = await generated(Churn(Door(relay.port, clients), PER_SECOND, ROUND_SECONDS), Churned)
        assert churn.failures == []
        return churn

    await churned()
    before = await Rest.of(relay)
    churns = [await churned() for _ in range(ROUNDS)]
    after = await Rest.of(relay)

    ended, seconds = sum(churn.ended for churn in churns), sum(churn.seconds for churn in churns)
    told(
        f"L12: {ended} connections, {ended / seconds:.1f} a second, files {before.files} -> {after.files}, "
        f"threads {before.threads} -> {after.threads}, relay {(after.memory_bytes - before.memory_bytes) / MIB:+.2f} "
        f"MiB, keys without end {before.keys_without_end} -> {after.keys_without_end}"
    )
    assert ended >= 0.99 * PER_SECOND * ROUNDS * ROUND_SECONDS
    assert abs(after.files - before.files) <= 0.01 * before.files
    assert abs(after.threads - before.threads) <= 0.01 * before.threads
    assert abs(after.memory_bytes - before.memory_bytes) <= MOST_ADDED_BYTES
    assert after.keys_without_end == 0
