"""How a relay process ends: no new connections, every open one is told 1012, then the process goes."""

import asyncio

import structlog

from relay.gateway.worker import Worker
from relay.protocol.close_codes import CloseCode, close_reason

log = structlog.get_logger()
CLOSE_SECONDS = 3.0


async def drain(worker: Worker) -> None:
    """Close all sessions with 1012 and wait for their ends, for ``CLOSE_SECONDS`` at the most."""
    worker.is_draining = True
    connections = list(worker.connections)
    log.info("drain_began", connections=len(connections))
    for connection in connections:
        connection.session.close(CloseCode.SERVICE_RESTART, close_reason("drain"))
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await worker.wait_until_empty()
    except TimeoutError:
        log.warning("drain_timed_out", connections=len(worker.connections))
