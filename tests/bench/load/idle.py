"""Idle connections: what each costs the relaying process in memory, with its socket to the platform."""

from tests.bench.load.connection import expect_nothing
from tests.bench.load.crowd import crowd, watch
from tests.bench.load.scenarios import Idle
from tests.bench.processes import memory_kib

_FIRST_CONNECTIONS = 32  # they load what is loaded once: code paths, TLS tables, pools
_SETTLE_SECONDS = 0.3


async def idle(scenario: Idle) -> dict[str, float]:
    """Open and leave alone: growth of the processes' memory per connection."""
    async with crowd(scenario.target, _FIRST_CONNECTIONS, expect_nothing) as connections:
        await watch(connections, _SETTLE_SECONDS)
    before_kib = memory_kib(scenario.process_ids)
    async with crowd(scenario.target, scenario.connections, expect_nothing) as connections:
        await watch(connections, _SETTLE_SECONDS)
        growth_kib = memory_kib(scenario.process_ids) - before_kib
    return {"idle_kib_per_connection": growth_kib / scenario.connections}
