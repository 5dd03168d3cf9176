"""The HTTP paths at clients' port: the token path, which web answers, and whether the process is alive. No more."""

import asyncio

import aiohttp
import structlog
from django.conf import settings

from relay.gateway.answers import JSON, READING, answer, answer_detail, refuse_request
from relay.gateway.consumer import Receive, Scope, Send
from relay.gateway.worker import Worker
from relay.protocol.denials import Denial, Denied, handshake_too_slow, unavailable, upgrade_required
from relay.protocol.heads import decoded_path
from relay.protocol.passing import OWN_VIA

log = structlog.get_logger()
WEBSOCKET_PATHS = "/v2/websocket/", "/realtime/"
TOKEN_PATH = "/oauth/token"  # noqa: S105
BODY_SECONDS = 5.0  # for the whole of it
LARGEST_TOKEN_REQUEST_BYTES = 16 * 1024
PASSED_TO_WEB = ("authorization", "content-type")
TOO_LONG = (  # as web says it
    b'{"error":"invalid_request","error_description":"The body is larger than %d bytes."}' % LARGEST_TOKEN_REQUEST_BYTES
)
PASSED_BACK = ("content-type", "cache-control", "pragma", "www-authenticate", "retry-after", "allow")


class SenderLeft(Exception):
    """Nobody waits for the answer any more."""


async def http_door(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one ASGI HTTP scope. It was charged to its address before it came here: door.py does."""
    path, is_read = decoded_path(scope["raw_path"]).rstrip("/"), scope["method"] in READING
    if path == TOKEN_PATH:
        await _forward_token_request(scope["state"]["worker"], scope, receive, send)
    elif path != "/livez" and not path.startswith(WEBSOCKET_PATHS):
        await answer_detail(send, 404, "The relay answers WebSocket paths, /oauth/token and /livez.")
    elif not is_read:
        await answer_detail(send, 405, "Only GET is answered here.", [(b"allow", b"GET, HEAD")])
    elif path == "/livez":
        await answer(send, 200, JSON, b'{"status": "ok"}')
    else:
        await refuse_request(send, upgrade_required())


async def _forward_token_request(worker: Worker, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = None if _is_told_too_long(scope) else await _read_body(receive)
        if body is None:
            await answer(send, 413, JSON, TOO_LONG, headers=[(b"pragma", b"no-cache")])
            return
        await _ask_web(worker, scope, body, send)
    except SenderLeft:
        return
    except TimeoutError:
        await refuse_request(send, handshake_too_slow(BODY_SECONDS))
    except Denied as denied:
        await refuse_request(send, denied.denial)


async def _ask_web(worker: Worker, scope: Scope, body: bytes, send: Send) -> None:
    sent = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    headers = {name: value for name, value in sent if name in PASSED_TO_WEB}  # the door refuses a repeated one
    headers |= {"X-Forwarded-For": scope["client"][0], "Via": OWN_VIA}
    url = settings.TOKEN_FORWARD_URL + TOKEN_PATH
    try:
        async with worker.http.request(scope["method"], url, data=body, headers=headers, allow_redirects=False) as told:
            back = [(name.lower().encode(), value.encode("latin-1")) for name, value in told.headers.items()]
            passed = [pair for pair in back if pair[0].decode() in PASSED_BACK]
            body, status = await told.read(), told.status
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("token_endpoint_unreachable", error=type(error).__name__)
        raise Denied(_web_unreachable()) from error
    await answer(send, status, "", body, headers=passed)


def _web_unreachable() -> Denial:
    return unavailable("token_endpoint_unreachable", "Tokens can't be issued at the moment.", 2)


def _is_told_too_long(scope: Scope) -> bool:
    """Tell whether the length that was announced is more than a token request's: its sender may never send it."""
    return any(
        name == b"content-length" and int(value) > LARGEST_TOKEN_REQUEST_BYTES for name, value in scope["headers"]
    )


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
