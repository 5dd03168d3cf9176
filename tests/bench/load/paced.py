"""The open loop: messages leave at a fixed pace, so that a slow relay can not slow down what it is measured with."""

import asyncio
from collections import deque
from time import perf_counter_ns

from tests.bench.load.connection import Connection
from tests.bench.load.crowd import crowd, watch
from tests.bench.load.latencies import Latencies
from tests.bench.load.scenarios import Paced

_TICK_SECONDS = 0.001  # uvloop's timers are no finer
_NS_PER_SECOND = 1_000_000_000


class _Pacer:
    """Sends what is due at each tick, in turn over the connections.

    A latency counts from the write, which never waits for an echo: so a relay that stalls is charged for every
    message that it held up, and a late timer of the load is not charged to the relay.
    """

    def __init__(self, messages_per_second: float) -> None:
        self.latencies = Latencies()
        self._messages_per_second = messages_per_second
        self._connections: list[Connection] = []
        self._sent_at: dict[Connection, deque[int]] = {}
        self._began_ns = 0
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, connections: list[Connection]) -> None:
        self._connections = connections
        self._sent_at = {connection: deque() for connection in connections}
        self._began_ns = perf_counter_ns()
        self._tick()

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def on_echo(self, connection: Connection) -> None:
        self.latencies.add(perf_counter_ns() - self._sent_at[connection].popleft())

    def _tick(self) -> None:
        now_ns = perf_counter_ns()
        due = int((now_ns - self._began_ns) * self._messages_per_second / _NS_PER_SECOND)
        for turn in range(self._sent, due):
            connection = self._connections[turn % len(self._connections)]
            self._sent_at[connection].append(perf_counter_ns())
            connection.send()
        self._sent = due
        self._timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)


async def paced(scenario: Paced) -> dict[str, float]:
    """Send at the pace for a window: latency, and how much of the pace came back."""
    pacer = _Pacer(scenario.messages_per_second)
    async with crowd(scenario.target, scenario.connections, pacer.on_echo) as connections:
        pacer.start(connections)
        try:
            await watch(connections, scenario.warm_up_seconds)
            pacer.latencies.clear()
            began_ns = perf_counter_ns()
            await watch(connections, scenario.seconds)
            elapsed_seconds = (perf_counter_ns() - began_ns) / _NS_PER_SECOND
            echoes = len(pacer.latencies)
        finally:
            pacer.stop()
    return {
        "paced_p50_ms": pacer.latencies.percentile_ms(50),
        "paced_p99_ms": pacer.latencies.percentile_ms(99),
        "paced_share": echoes / elapsed_seconds / scenario.messages_per_second,
    }
