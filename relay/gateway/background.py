"""What runs beside the connections of one relay process, from its start to its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from relay.gateway.worker import Worker
from relay.protocol.close_codes import CloseCode, close_reason
from relay.telemetry.defects import contained
from relay.telemetry.flush import flush_every_second

log = structlog.get_logger()
SWEEP_SECONDS = 10.0
INSPECT_SECONDS = 1.0
INSPECTED_A_TURN = 256
CLOSED_A_SECOND = 16  # where memory is short: those whose buffers are the largest


@asynccontextmanager
async def running_worker() -> AsyncIterator[Worker]:
    """A worker with its background tasks, until the end. If one of the closing steps fails, the others still run."""
    async with AsyncExitStack() as stack:
        worker = Worker()
        stack.callback(worker.resources.close)
        for close in (worker.sharing.aclose, worker.http.close, worker.platform_tokens.aclose, worker.tasks.aclose):
            stack.push_async_callback(close)  # called from the last to the first
        _start_tasks(worker)
        yield worker


def _start_tasks(worker: Worker) -> None:
    """Start all that must run as long as the worker: if one of these ends, the server ends the process."""
    start = worker.tasks.start
    start(worker.policies.follow(), "follow announcements")
    start(worker.policies.confirm(), "confirm versions")
    start(flush_every_second(worker.redis, worker.name, worker.counters), "flush counters")
    start(worker.counters.open_on_channels.tell_for_ever(worker.redis, worker.name), "tell what is open")
    start(worker.platform_tokens.refused.tell_for_ever(worker.redis), "tell what is refused")
    start(inspect_sessions(worker), "inspect sessions")
    start(watch_memory(worker), "watch memory")
    start(sweep_zones(worker), "sweep zones")
    start(worker.sharing.heart.beat_for_ever(), "say that the process is alive")
    start(worker.sharing.entering.say_for_ever(), "say what is held")
    start(worker.sharing.gauging.tell_for_ever(), "tell what was spent")
    start(worker.watchdog.beat(), "beat for the watchdog")


async def inspect_sessions(worker: Worker) -> None:
    """Look at each session once a second, for ever, a few at a time: thousands would keep messages waiting."""
    while True:
        await asyncio.sleep(INSPECT_SECONDS)
        await _inspect_all(worker)  # a function of its own: nothing keeps the last session until the next


async def watch_memory(worker: Worker) -> None:
    """See once a second, for ever, whether memory is short, and close those that hold most when it is."""
    while True:
        worker.resources.look()
        if worker.resources.must_close:
            with contained("memory"):
                _close_largest(worker)
        await asyncio.sleep(INSPECT_SECONDS)


async def sweep_zones(worker: Worker) -> None:
    """Forget zones at rest, for ever."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        worker.admission.forget_those_at_rest()


async def _inspect_all(worker: Worker) -> None:
    for number, connection in enumerate(list(worker.connections), start=1):
        with connection.session.failing_alone("inspection"):
            connection.session.inspect()
        if not number % INSPECTED_A_TURN:
            await asyncio.sleep(0)


def _close_largest(worker: Worker) -> None:
    sessions = [connection.session for connection in worker.connections]
    largest = sorted(sessions, key=lambda session: session.buffered_bytes, reverse=True)[:CLOSED_A_SECOND]
    log.error("memory_short", memory_bytes=worker.resources.memory_bytes, closed=len(largest))
    for session in largest:
        with session.failing_alone("memory"):
            session.close(CloseCode.TRY_AGAIN_LATER, close_reason("memory_short"))
