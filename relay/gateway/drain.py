"""How a relay process ends: no new connections, every open one is told 1012 within the drain time, then it goes."""

import asyncio
import random

import structlog

from relay.gateway.worker import Connection, Worker
from relay.protocol.close_codes import CloseCode, close_reason

log = structlog.get_logger()
CLOSE_SECONDS = 3.0
LARGEST_RETRY_MS = 1000


async def drain(worker: Worker, seconds: float, hurry: asyncio.Event) -> None:
    """Close all sessions, spread over ``seconds`` or at once when ``hurry`` is set, and wait for their ends.

    Spread, because clients that come back together are a storm for whoever takes them.
    """
    worker.is_draining = True
    connections = list(worker.connections)
    random.shuffle(connections)
    log.info("drain_began", connections=len(connections), seconds=seconds)
    for number, connection in enumerate(connections, start=1):
        if connection in worker.connections:
            _close(connection)
        if worker.connections:
            await _wait(hurry, seconds / len(connections) if number < len(connections) else 0)
    for connection in list(worker.connections):
        _close(connection)  # whose handshake was under way as the drain began
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await worker.wait_until_empty()
    except TimeoutError:
        log.warning("drain_timed_out", connections=len(worker.connections))


def _close(connection: Connection) -> None:
    retry_after_ms = random.randint(0, LARGEST_RETRY_MS)
    with connection.session.failing_alone("drain"):
        connection.session.close(CloseCode.SERVICE_RESTART, close_reason("drain", retry_after_ms=retry_after_ms))


async def _wait(hurry: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await hurry.wait()
    except TimeoutError:
        return
