"""What runs beside the connections of one relay process, from its start to its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from relay.gateway.worker import Worker
from relay.protocol.close_codes import CloseCode, close_reason
from relay.sharing.ending import end_tasks
from relay.telemetry.flush import flush_every_second

log = structlog.get_logger()
SWEEP_SECONDS = 10.0
INSPECT_SECONDS = 1.0
INSPECTED_A_TURN = 256
CLOSED_A_SECOND = 16  # where memory is short: those whose buffers are the largest


@asynccontextmanager
async def running_worker() -> AsyncIterator[Worker]:
    """A worker that follows announcements and flushes its counters until the end."""
    worker = Worker()
    tasks = [
        asyncio.create_task(worker.policies.follow(), name="follow announcements"),
        asyncio.create_task(worker.policies.confirm(), name="confirm versions"),
        asyncio.create_task(flush_every_second(worker.redis, worker.name, worker.counters), name="flush counters"),
        asyncio.create_task(inspect_sessions(worker), name="inspect sessions"),
        asyncio.create_task(watch_memory(worker), name="watch memory"),
        asyncio.create_task(sweep_zones(worker), name="sweep zones"),
        asyncio.create_task(worker.sharing.beat(), name="say that the process is alive"),
        asyncio.create_task(worker.sharing.entering.say_for_ever(), name="say what is held"),
        asyncio.create_task(worker.sharing.gauging.tell_for_ever(), name="tell what was spent"),
        asyncio.create_task(worker.watchdog.beat(), name="beat for the watchdog"),
    ]
    for task in tasks:
        task.add_done_callback(_tell_if_it_failed)
    try:
        yield worker
    finally:
        await end_tasks(tasks)
        await worker.platform_tokens.aclose()
        await worker.http.close()
        await worker.sharing.aclose()


async def inspect_sessions(worker: Worker) -> None:
    """Look at each session once a second, for ever, a few at a time: thousands would keep messages waiting."""
    while True:
        await asyncio.sleep(INSPECT_SECONDS)
        for number, connection in enumerate(list(worker.connections), start=1):
            connection.session.inspect()
            if not number % INSPECTED_A_TURN:
                await asyncio.sleep(0)


async def watch_memory(worker: Worker) -> None:
    """See once a second, for ever, whether memory is short, and close those that hold most when it is."""
    while True:
        worker.resources.look()
        if worker.resources.must_close:
            sessions = [connection.session for connection in worker.connections]
            largest = sorted(sessions, key=lambda session: session.buffered_bytes, reverse=True)[:CLOSED_A_SECOND]
            log.error("memory_short", memory_bytes=worker.resources.memory_bytes, closed=len(largest))
            for session in largest:
                session.close(CloseCode.TRY_AGAIN_LATER, close_reason("memory_short"))
        await asyncio.sleep(INSPECT_SECONDS)


async def sweep_zones(worker: Worker) -> None:
    """Forget zones at rest, for ever."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        worker.admission.forget_those_at_rest()


def _tell_if_it_failed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("background_task_failed", task=task.get_name(), exc_info=task.exception())
