"""What the port for operations answers: is the process alive, can it do its work, and all that it counted.

Its page of metrics names tenants and clients, so clients' own port answers none of this.
"""

import asyncio
import json
from typing import Any

import structlog

from relay.gateway.answers import JSON, READING, answer, answer_detail
from relay.gateway.consumer import Receive, Scope, Send
from relay.gateway.worker import Worker
from relay.process.log_lines import dropped_log_lines
from relay.store.pool import StoreUnavailable, answer_to
from relay.telemetry.metrics import CONTENT_TYPE, ProcessState, metrics_parts

log = structlog.get_logger()
PAGE_KEPT_SECONDS = 1.0
PAGE_SECONDS = 10.0  # for making it
MOST_SCRAPES = 4  # at once: each holds a page until it is sent, and with 10,000 flows that is 30 MB
CLOSE = (b"connection", b"close")


class MetricsPage:
    """The page of one process: made a slice a turn of the event loop, one at a time, and good for a second."""

    def __init__(self, worker: Worker) -> None:
        """Begin without one."""
        self._worker = worker
        self._making = asyncio.Lock()
        self._parts: list[bytes] = []

    async def parts(self) -> list[bytes]:
        """The page of this second, in the parts in which it shall be sent.

        Raises:
            TimeoutError: the event loop has too much else to do.
        """
        async with asyncio.timeout(PAGE_SECONDS), self._making:
            if not self._parts:
                self._parts = await self._made()
                asyncio.get_running_loop().call_later(PAGE_KEPT_SECONDS, self._forget)
            return self._parts

    async def _made(self) -> list[bytes]:
        parts = []
        for part in metrics_parts(self._worker.counters, _state(self._worker)):
            parts.append(part)
            await asyncio.sleep(0)
        return parts

    def _forget(self) -> None:
        self._parts = []


class OperationsPaths:
    """The ASGI application of the port for operations.

    Each connection has one answer: on a lasting one, a scraper would stay with a process that drains.
    """

    def __init__(self) -> None:
        """Begin with nobody asking."""
        self._scrapes = 0

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one ASGI HTTP scope."""

        async def send_and_close(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append(CLOSE)
            await send(message)

        path = scope["path"].rstrip("/")
        if scope["method"] not in READING:
            await answer_detail(send_and_close, 405, "Only GET is answered here.", [(b"allow", b"GET, HEAD")])
        elif path == "/livez":
            await answer(send_and_close, 200, JSON, b'{"status": "ok"}')
        elif path == "/readyz":
            await _answer_readiness(scope["state"]["worker"], send_and_close)
        elif path == "/metrics":
            await self._answer_metrics(scope["state"]["metrics"], send_and_close)
        else:
            sentence = "This port answers /livez, /readyz and /metrics. Clients connect to another."
            await answer_detail(send_and_close, 404, sentence)

    async def _answer_metrics(self, page: MetricsPage, send: Send) -> None:
        if self._scrapes >= MOST_SCRAPES:
            await answer_detail(send, 503, f"{MOST_SCRAPES} others read this page now.", [(b"retry-after", b"1")])
            return
        self._scrapes += 1
        try:
            await answer(send, 200, CONTENT_TYPE, *await page.parts())
        except TimeoutError:
            log.warning("metrics_page_timed_out", seconds=PAGE_SECONDS)
            await answer_detail(send, 503, "The process is too busy to write this page.", [(b"retry-after", b"1")])
        finally:
            self._scrapes -= 1


async def _answer_readiness(worker: Worker, send: Send) -> None:
    ended = ", ".join(worker.tasks.ended)
    checks = {
        "draining": "yes" if worker.is_draining else "no",
        "redis": "ok",
        "tasks": f"ended: {ended}" if ended else "ok",
    }
    try:
        await answer_to(worker.redis.ping)
    except StoreUnavailable as error:
        checks["redis"] = type(error).__name__
    is_ready = not worker.is_draining and not ended and checks["redis"] == "ok"
    body = json.dumps({"status": "ok" if is_ready else "unavailable", "checks": checks}).encode()
    await answer(send, 200 if is_ready else 503, JSON, body)


def _state(worker: Worker) -> ProcessState:
    shared = worker.sharing.figures
    return ProcessState(
        loop_lag_seconds=worker.watchdog.longest_lag_seconds,
        memory_bytes=worker.resources.memory_bytes,
        is_draining=worker.is_draining,
        log_lines_dropped=dropped_log_lines(),
        redis_up=worker.sharing.breakers.are_closed,
        relay_processes=shared.workers,
        lease_round_trips=shared.round_trips,
        tenants_alone=len(shared.away),
        generations_lost=shared.generations_lost,
        fullness=shared.fullness,
    )
