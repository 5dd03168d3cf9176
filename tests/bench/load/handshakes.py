"""Handshakes: connections that are opened, and closed in good order at once."""

import asyncio
from time import perf_counter

from tests.bench.load.connection import expect_nothing, open_connection
from tests.bench.load.crowd import CLOSE_TIMEOUT_SECONDS, pass_time
from tests.bench.load.scenarios import Handshakes, Target
from tests.bench.processes import cpu_metric, cpu_seconds


class _Turnstile:
    """Opens and closes connections until it is told to stop, and counts them."""

    def __init__(self, target: Target) -> None:
        self.passed = 0
        self._target = target
        self._is_running = True

    def stop(self) -> None:
        self._is_running = False

    async def turn(self) -> None:
        while self._is_running:
            connection = await open_connection(self._target, expect_nothing)
            connection.close()
            await asyncio.wait([connection.is_closed], timeout=CLOSE_TIMEOUT_SECONDS)
            connection.abort()
            self.passed += 1


async def handshakes(scenario: Handshakes) -> dict[str, float]:
    """Open and close for a window: handshakes a second, and CPU time for each. A failed one ends the group."""
    turnstile = _Turnstile(scenario.target)
    async with asyncio.TaskGroup() as group:
        for _ in range(scenario.concurrency):
            group.create_task(turnstile.turn())
        await pass_time(scenario.warm_up_seconds)
        passed_before, cpu_before, began = turnstile.passed, cpu_seconds(scenario.process_ids), perf_counter()
        await pass_time(scenario.seconds)
        passed = turnstile.passed - passed_before
        spent_seconds = cpu_seconds(scenario.process_ids) - cpu_before
        elapsed_seconds = perf_counter() - began
        turnstile.stop()
    return {
        "handshakes_per_second": passed / elapsed_seconds,
        **cpu_metric("cpu_us_per_handshake", scenario.process_ids, spent_seconds, passed),
    }
