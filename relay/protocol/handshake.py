"""The opening handshake, both sides of it (RFC 6455, section 4): what is asked, and whether the answer fits."""

import base64
import hashlib
import re

from relay.protocol.denials import Denied, bad_request, method_not_allowed, version_not_spoken
from relay.protocol.heads import Head, Headers, HeadInvalid, parsed_answer, written_answer, written_request

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
VERSION = b"13"
SWITCHING_PROTOCOLS, FIRST_FINAL_STATUS = 101, 200


def wants_websocket(head: Head) -> bool:
    """Tell an opening handshake from other requests."""
    return b"websocket" in head.words(b"upgrade") and b"upgrade" in head.words(b"connection")


def accept_value(head: Head) -> bytes:
    """What proves to the client that its handshake was understood.

    Raises:
        Denied: the handshake is wrong; the answer says how.
    """
    method, _, version = head.first
    keys = head.values(b"sec-websocket-key")
    if method != b"GET":
        raise Denied(method_not_allowed("A WebSocket is opened by GET.", "GET"))
    if head.values(b"sec-websocket-version") != [VERSION]:
        raise Denied(version_not_spoken())
    if version != b"1.1" or len(head.values(b"host")) != 1:
        raise _wrong("It must be HTTP/1.1 with one Host header.")
    if len(keys) != 1 or KEY.fullmatch(keys[0]) is None:
        raise _wrong("Sec-WebSocket-Key must be 16 random bytes in base64.")
    if head.values(b"transfer-encoding") or head.values(b"content-length") not in ([], [b"0"]):
        raise _wrong("It must have no body.")
    return _accept(keys[0])


def acceptance(accept: bytes, headers: Headers) -> bytes:
    """Write the answer that opens the connection; ``headers`` name what was agreed on."""
    fixed = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Accept", accept)]
    return written_answer(SWITCHING_PROTOCOLS, [*fixed, *headers])


def refusal(status: int, headers: Headers, body: bytes) -> bytes:
    """Write an answer after which the socket ends."""
    fixed = [(b"connection", b"close"), (b"content-length", b"%d" % len(body))]
    return written_answer(status, [*fixed, *headers], body)


def opening(host: str, target: str, random_bytes: bytes, headers: list[tuple[str, str]]) -> tuple[bytes, bytes]:
    """Write a handshake.

    Args:
        host: with the port, where it is not the scheme's own.
        target: path and query.
        random_bytes: 16 of them.
        headers: all further ones.

    Returns:
        The request, and the accept value with which the platform must answer.
    """
    key = base64.b64encode(random_bytes)
    fixed = [
        (b"Host", host.encode()),
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Key", key),
        (b"Sec-WebSocket-Version", VERSION),
    ]
    further = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return written_request(b"GET", target.encode(), [*fixed, *further]), _accept(key)


def read_answer(head: bytes, accept: bytes) -> tuple[int, Head]:
    """Read what a server answered.

    Returns:
        The status and the head. Where the status is 101, the server has proved that it speaks WebSocket. Below 200
        another answer follows (RFC 9110, section 15.2), but for 101.

    Raises:
        HeadInvalid: it is no answer to a handshake; the message says why.
    """
    answer = parsed_answer(head)
    version, status = answer.first[0], int(answer.first[1])
    if status == SWITCHING_PROTOCOLS:
        if version != b"1.1":
            raise HeadInvalid("101 in HTTP/1.0, which has no upgrade")
        if not wants_websocket(answer):
            raise HeadInvalid("101 without Upgrade: websocket and Connection: Upgrade")
        if answer.values(b"sec-websocket-accept") != [accept]:
            raise HeadInvalid("101 without the Sec-WebSocket-Accept that answers our key")
    return status, answer


def is_interim(status: int) -> bool:
    """Tell whether another answer follows."""
    return status < FIRST_FINAL_STATUS and status != SWITCHING_PROTOCOLS


def _accept(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + MAGIC, usedforsecurity=False).digest())


def _wrong(how: str) -> Denied:
    return Denied(bad_request("handshake_invalid", f"This is no opening handshake of a WebSocket. {how}"))
