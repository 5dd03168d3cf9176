"""Handshakes: connections that are opened, and closed in good order at once."""

import asyncio
from time import perf_counter

from tests.bench.load.connection import expect_nothing, open_connection
from tests.bench.load.crowd import CLOSE_TIMEOUT_SECONDS
from tests.bench.load.scenarios import Handshakes
from tests.bench.processes import cpu_seconds


class _Turnstile:
    """Opens and closes connections until it is told to stop, and counts them."""

    def __init__(self, scenario: Handshakes) -> None:
        self.passed = 0
        self._scenario = scenario
        self._is_running = True

    def stop(self) -> None:
        self._is_running = False

    async def turn(self) -> None:
        while self._is_running:
            connection = await open_connection(self._scenario.target, expect_nothing)
            connection.close()
            await asyncio.wait([connection.is_closed], timeout=CLOSE_TIMEOUT_SECONDS)
            connection.abort()
            self.passed += 1


async def handshakes(scenario: Handshakes) -> dict[str, float]:
    """Open and close for a window: handshakes a second, and a second of CPU of the processes."""
    turnstile = _Turnstile(scenario)
    turning = [asyncio.create_task(turnstile.turn()) for _ in range(scenario.concurrency)]
    try:
        await _while_turning(turning, scenario.warm_up_seconds)
        passed_before, cpu_before, began = turnstile.passed, cpu_seconds(scenario.process_ids), perf_counter()
        await _while_turning(turning, scenario.seconds)
        passed = turnstile.passed - passed_before
        spent_seconds = cpu_seconds(scenario.process_ids) - cpu_before
        elapsed_seconds = perf_counter() - began
    finally:
        turnstile.stop()
        await asyncio.wait(turning)
    return {
        "handshakes_per_second": passed / elapsed_seconds,
        "cpu_us_per_handshake": spent_seconds / passed * 1e6,
    }


async def _while_turning(turning: list[asyncio.Task[None]], seconds: float) -> None:
    """Let time pass, unless a handshake fails: then raise what it raised."""
    ended, _ = await asyncio.wait(turning, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        task.result()
