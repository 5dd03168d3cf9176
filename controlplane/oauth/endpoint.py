"""The ASGI shell of OAuth's POST endpoints: admission, then a worker thread, then JSON. Every answer is no-store.

It stands in front of Django: its middleware would cost more than a token does (docs/decisions/0003-token-endpoint.md).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import structlog
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.db import DatabaseError, connection

from controlplane.oauth.admission import Admission
from controlplane.oauth.messages import (
    LARGEST_BODY_BYTES,
    NOT_STORED,
    Answer,
    OAuthRequest,
    Refused,
    not_post,
    parse_request,
    too_large,
    unavailable,
)

THREADS = 4  # they wait for the database; signing is one at a time anyway
log = structlog.get_logger(__name__)


class Endpoint:
    """One of OAuth's POST endpoints as an ASGI application."""

    def __init__(
        self, respond: Callable[[OAuthRequest], Answer], admission: Admission, threads: ThreadPoolExecutor
    ) -> None:
        """Answer by ``respond``, which may use the database, in one of ``threads``."""
        self._respond = respond
        self._admission = admission
        self._threads = threads

    async def __call__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request."""
        try:
            request = await self._admitted(scope, receive)
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, self._respond_in_thread, request)
        except Refused as refusal:
            answer = refusal.answer
        except DatabaseError:
            log.exception("oauth_store_unavailable", path=scope["path"])
            answer = unavailable().answer
        await _send_answer(send, answer)

    def _respond_in_thread(self, request: OAuthRequest) -> Answer:
        """Keep the thread's connection open from one request to the next: on SQLite, opening one cost 3 of 6 ms."""
        if connection.connection is not None and not connection.is_usable():
            connection.close()
        return self._respond(request)

    async def _admitted(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> OAuthRequest:
        if scope["method"] != "POST":
            raise not_post()
        asking = self._admission.admit_address(scope)
        request = parse_request(list(scope["headers"]), await _read_body(receive))
        self._admission.admit_client(request, asking)
        return request


async def _read_body(receive: ASGIReceiveCallable) -> bytes:
    body = b""
    is_complete = False
    while not is_complete:
        event = await receive()
        if event["type"] != "http.request":
            raise Refused(400, "invalid_request", "The request ended before its body.")
        body += event["body"]
        is_complete = not event.get("more_body", False)
        if len(body) > LARGEST_BODY_BYTES:
            raise too_large()
    return body


async def _send_answer(send: ASGISendCallable, answer: Answer) -> None:
    body = b"" if answer.document is None else msgspec.json.encode(answer.document)
    headers = {**NOT_STORED, "content-length": str(len(body)), **answer.headers}
    if answer.document is not None:
        headers["content-type"] = "application/json"
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
