"""Answers to ordinary HTTP requests, as ASGI messages."""

import json
from collections.abc import Iterable
from typing import Any

from relay.gateway.consumer import Send
from relay.protocol.denials import Denial

JSON = "application/json"
READING = "GET", "HEAD"


async def answer(
    send: Send, status: int, content_type: str, *body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Send an answer with its length, part by part; no cache keeps it unless ``headers`` say otherwise."""
    all_headers = [*headers, (b"content-length", str(sum(map(len, body))).encode())]
    if content_type:
        all_headers.append((b"content-type", content_type.encode()))
    if not any(name == b"cache-control" for name, _ in all_headers):
        all_headers.append((b"cache-control", b"no-store"))
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": all_headers}
    await send(start)
    *parts, last = body
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": last})


async def answer_detail(send: Send, status: int, sentence: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send a sentence as JSON."""
    await answer(send, status, JSON, json.dumps({"detail": sentence}).encode(), headers=headers)


async def refuse_request(send: Send, denial: Denial) -> None:
    """Answer a request as a handshake would be refused."""
    await answer(send, denial.status, "", denial.body(), headers=denial.all_headers())
