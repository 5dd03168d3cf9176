"""The relay's HTTP paths: health, metrics, and the token path, which is throttled here and answered by web."""

import asyncio
import json
from typing import Any

import aiohttp
import structlog
from django.conf import settings

from relay.gateway.consumer import Receive, Scope, Send
from relay.gateway.worker import Worker
from relay.process.log_lines import dropped_log_lines
from relay.protocol.denials import Denial, Denied, handshake_too_slow, unavailable, upgrade_required
from relay.store.pool import StoreUnavailable, answer_to
from relay.telemetry.metrics import CONTENT_TYPE, ProcessState, metrics_page

log = structlog.get_logger()
WEBSOCKET_PATHS = "/v2/websocket/", "/realtime/"
READING = "GET", "HEAD"
TOKEN_PATH = "/oauth/token"  # noqa: S105
BODY_SECONDS = 5.0  # for the whole of it
LARGEST_TOKEN_REQUEST_BYTES = 16 * 1024
PASSED_TO_WEB = ("authorization", "content-type")
PASSED_BACK = ("content-type", "cache-control", "pragma", "www-authenticate", "retry-after")
JSON = "application/json"


class SenderLeft(Exception):
    """Nobody waits for the answer any more."""


async def http_door(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one ASGI HTTP scope."""
    worker: Worker = scope["state"]["worker"]
    path, is_read = scope["path"].rstrip("/"), scope["method"] in READING
    if path == TOKEN_PATH:
        await _forward_token_request(worker, scope, receive, send)
    elif is_read and path.startswith(WEBSOCKET_PATHS):
        await _refuse(send, upgrade_required())
    else:
        others = "The relay answers WebSocket paths, /oauth/token, /livez, /readyz and /metrics."
        await _tell(scope, send, others)


async def operations_door(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer one ASGI HTTP scope of the port for operations.

    Each connection has one answer: on a lasting one, a scraper would stay with a process that drains.
    """

    async def send_and_close(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"].append((b"connection", b"close"))
        await send(message)

    await _tell(scope, send_and_close, "This port answers /livez, /readyz and /metrics. Clients connect to another.")


async def _tell(scope: Scope, send: Send, others: str) -> None:
    """Answer what operations ask, and say of all else that it is not here: ``others`` says what is."""
    worker: Worker = scope["state"]["worker"]
    path = scope["path"].rstrip("/")
    if scope["method"] not in READING:
        await _answer(send, 405, JSON, b'{"detail": "Only GET is answered here."}', [(b"allow", b"GET, HEAD")])
    elif path == "/livez":
        await _answer(send, 200, JSON, b'{"status": "ok"}')
    elif path == "/readyz":
        await _answer_readiness(worker, send)
    elif path == "/metrics":
        await _answer(send, 200, CONTENT_TYPE, metrics_page(worker.counters, _state(worker)))
    else:
        await _answer(send, 404, JSON, json.dumps({"detail": others}).encode())


def _state(worker: Worker) -> ProcessState:
    shared = worker.sharing.figures
    return ProcessState(
        loop_lag_seconds=worker.watchdog.longest_lag_seconds,
        memory_bytes=worker.resources.memory_bytes,
        is_draining=worker.is_draining,
        log_lines_dropped=dropped_log_lines(),
        relay_processes=shared.workers,
        lease_round_trips=shared.round_trips,
        tenants_alone=len(shared.away),
        generations_lost=shared.generations_lost,
        fullness=shared.fullness,
    )


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
    await _answer(send, 200 if is_ready else 503, JSON, body)


async def _forward_token_request(worker: Worker, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read_body(receive)
        if body is None:
            await _answer(
                send, 413, JSON, b'{"error": "invalid_request", "error_description": "The body is too long."}'
            )
            return
        await _ask_web(worker, scope, body, send)
    except SenderLeft:
        return
    except TimeoutError:
        await _refuse(send, handshake_too_slow(BODY_SECONDS))
    except Denied as denied:
        await _refuse(send, denied.denial)


async def _refuse(send: Send, denial: Denial) -> None:
    await _answer(send, denial.status, "", denial.body(), denial.all_headers())


async def _ask_web(worker: Worker, scope: Scope, body: bytes, send: Send) -> None:
    sent = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    headers = {name: value for name, value in sent if name in PASSED_TO_WEB}  # the door refuses a repeated one
    headers["X-Forwarded-For"] = scope["client"][0]
    url = settings.TOKEN_FORWARD_URL + TOKEN_PATH
    try:
        async with worker.http.request(
            scope["method"], url, data=body, headers=headers, allow_redirects=False
        ) as answer:
            back = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
            passed = [pair for pair in back if pair[0].decode() in PASSED_BACK]
            await _answer(send, answer.status, "", await answer.read(), passed)
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("token_endpoint_unreachable", error=type(error).__name__)
        raise Denied(_web_unreachable()) from error


def _web_unreachable() -> Denial:
    return unavailable("token_endpoint_unreachable", "Tokens can't be issued at the moment.", 2)


async def _read_body(receive: Receive) -> bytes | None:
    """The request's body, or none if it is longer than a token request can be.

    Raises:
        SenderLeft: before the end of the body.
    """
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderLeft
        body += bytes(message.get("body", b""))
        if len(body) > LARGEST_TOKEN_REQUEST_BYTES:
            return None
        if not message.get("more_body", False):
            return body


async def _answer(
    send: Send, status: int, content_type: str, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    all_headers: list[tuple[bytes, bytes]] = [*(headers or []), (b"content-length", str(len(body)).encode())]
    if content_type:
        all_headers.append((b"content-type", content_type.encode()))
    if not any(name == b"cache-control" for name, _ in all_headers):
        all_headers.append((b"cache-control", b"no-store"))
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": all_headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
