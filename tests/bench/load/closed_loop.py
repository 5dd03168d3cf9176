"""The closed loop: as much as the relay can carry with so many messages under way. CPU and latency per message."""

from collections import deque
from time import perf_counter_ns

from tests.bench.load.connection import Connection
from tests.bench.load.crowd import crowd, watch
from tests.bench.load.latencies import Latencies
from tests.bench.load.scenarios import ClosedLoop
from tests.bench.processes import cpu_metric, cpu_seconds

_NS_PER_SECOND = 1e9


class _Loop:
    """Answers each echo with the next message, and notes when each was sent."""

    def __init__(self) -> None:
        self.latencies = Latencies()
        self._sent_at: dict[Connection, deque[int]] = {}
        self._is_running = True

    def start(self, connections: list[Connection], in_flight: int) -> None:
        now_ns = perf_counter_ns()
        for connection in connections:
            self._sent_at[connection] = deque([now_ns] * in_flight)
            connection.send(in_flight)

    def stop(self) -> None:
        self._is_running = False

    def on_echo(self, connection: Connection) -> None:
        if not self._is_running:
            return
        now_ns = perf_counter_ns()
        sent_at = self._sent_at[connection]
        self.latencies.add(now_ns - sent_at.popleft())
        sent_at.append(now_ns)
        connection.send()


async def closed_loop(scenario: ClosedLoop) -> dict[str, float]:
    """Drive the loop for a window: CPU per message of the processes, throughput, latency."""
    loop = _Loop()
    async with crowd(scenario.target, scenario.connections, loop.on_echo) as connections:
        loop.start(connections, scenario.in_flight)
        await watch(connections, scenario.warm_up_seconds)
        loop.latencies.clear()
        cpu_before, began_ns = cpu_seconds(scenario.process_ids), perf_counter_ns()
        await watch(connections, scenario.seconds)
        spent_seconds = cpu_seconds(scenario.process_ids) - cpu_before
        elapsed_seconds = (perf_counter_ns() - began_ns) / _NS_PER_SECOND
        loop.stop()
    messages = len(loop.latencies)
    return {
        "messages_per_second": messages / elapsed_seconds,
        "latency_p50_ms": loop.latencies.percentile_ms(50),
        "latency_p99_ms": loop.latencies.percentile_ms(99),
        **cpu_metric("cpu_us_per_message", scenario.process_ids, spent_seconds, messages),
    }
