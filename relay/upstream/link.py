"""The socket to the platform: opened with the client's own offers, and handed over once the platform agreed."""

import asyncio
import ssl
from dataclasses import dataclass, field, replace
from typing import cast

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidURI
from websockets.extensions import Extension
from websockets.http11 import Request, Response
from websockets.uri import WebSocketURI, parse_uri

CONNECT_SECONDS = 5.0
HANDSHAKE_SECONDS = 10.0
LARGEST_ANSWER_BYTES = 64 * 1024  # head and body of a refusal
SWITCHING_PROTOCOLS = 101
END_OF_HEAD = b"\r\n\r\n"


class LinkFailed(Exception):
    """The platform could not be reached, or did not answer as a WebSocket server; the message says in which phase."""


class LinkRefused(Exception):
    """The platform answered the handshake with something else than 101. Header names are in small letters."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__(f"the platform answered {status}")
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What the client offered, and, filled in by ``towards``, where the link leads and with whose authorization."""

    subprotocols: str  # the header as it came, less tickets; or empty
    extensions: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    query: str = field(repr=False)
    largest_message_bytes: int
    url: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None

    def towards(self, url: str, authorization: str, tls: ssl.SSLContext) -> "LinkTarget":
        """The same offers to ``url``; ``authorization`` is the platform connection's, never the client's."""
        return replace(self, url=url, authorization=authorization, tls=tls)


@dataclass(slots=True)
class Link:
    """An open socket to the platform; reading is paused until it is handed over."""

    transport: asyncio.Transport
    subprotocol: str
    extensions: str
    largest_message_bytes: int
    early: bytes = b""

    def hand_over(self, receiver: asyncio.Protocol) -> None:
        """Give ``receiver`` the frames that came together with the platform's 101."""
        early, self.early = self.early, b""
        if early:
            receiver.data_received(early)


async def open_link(target: LinkTarget) -> Link:
    """Connect, shake hands, and stop reading.

    Raises:
        LinkRefused: the platform answered with another status than 101.
        LinkFailed: no connection, no valid certificate, no answer in time, or one that makes no sense.
    """
    try:
        uri = parse_uri(target.url)
    except (InvalidURI, ValueError) as error:
        raise LinkFailed("the platform connection's address is no WebSocket address") from error
    transport, dialog = await _connect(uri, target)
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            answer = await dialog.answer
    except BaseException as error:
        transport.abort()
        if isinstance(error, TimeoutError):
            raise LinkFailed(f"the platform did not answer the handshake within {HANDSHAKE_SECONDS:g} s") from error
        raise
    headers = {name.lower(): value for name, value in answer.headers.raw_items()}
    if answer.status_code != SWITCHING_PROTOCOLS:
        transport.abort()
        raise LinkRefused(answer.status_code, headers)
    return Link(
        transport=transport,
        subprotocol=headers.get("sec-websocket-protocol", ""),
        extensions=", ".join(answer.headers.get_all("Sec-WebSocket-Extensions")),
        largest_message_bytes=target.largest_message_bytes,
        early=dialog.early,
    )


async def _connect(uri: WebSocketURI, target: LinkTarget) -> tuple[asyncio.Transport, "_Dialog"]:
    loop = asyncio.get_running_loop()
    dialog = _Dialog(uri, target)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await loop.create_connection(
                lambda: dialog,
                uri.host,
                uri.port,
                ssl=target.tls if uri.secure else None,
                server_hostname=uri.host if uri.secure else None,
            )
    except TimeoutError as error:
        raise LinkFailed(f"no connection to {uri.host}:{uri.port} within {CONNECT_SECONDS:g} s") from error
    except (OSError, ValueError) as error:  # refused, unreachable, no such host or none at all, not trusted
        raise LinkFailed(f"no connection to {uri.host}:{uri.port}: {error}") from error


class _Transparent(ClientProtocol):
    """A handshake in which the client at the other end of the relay, and not we, offers and accepts."""

    def process_extensions(self, headers: Headers) -> list[Extension]:  # noqa: ARG002
        return []

    def process_subprotocol(self, headers: Headers) -> None:  # noqa: ARG002
        return None


class _Dialog(asyncio.Protocol):
    """The handshake itself: one request out, one answer in."""

    def __init__(self, uri: WebSocketURI, target: LinkTarget) -> None:
        self._handshake = _Transparent(uri, max_size=None)
        self._handshake.send_request(_request(self._handshake, target))
        self._first_words = b"".join(self._handshake.data_to_send())
        self._read = b""
        self._head_is_read = False
        self.early = b""
        self.answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self.transport.write(self._first_words)

    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            self.early += data
            return
        self._read += data
        head, found, rest = self._read.partition(END_OF_HEAD)
        switches = bool(found) and head.split(b" ", 2)[1:2] == [b"101"]
        if len(head if switches else self._read) > LARGEST_ANSWER_BYTES:
            self._fail("the platform's answer is too long")
        elif found and not self._head_is_read:
            # Only the head: the protocol would answer pings by itself, and frames are the session's.
            self._head_is_read = True
            self.early = rest if switches else b""
            self._feed(head + found + (b"" if switches else rest))
        elif self._head_is_read:
            self._feed(data)

    def eof_received(self) -> None:
        if not self.answer.done() and self._head_is_read:
            self._handshake.receive_eof()
            self._take_answer()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the platform closed during the handshake{f': {error}' if error else ''}")

    def _feed(self, data: bytes) -> None:
        self._handshake.receive_data(data)
        self._take_answer()

    def _take_answer(self) -> None:
        error = self._handshake.handshake_exc
        for event in self._handshake.events_received():
            agreed = event.status_code == SWITCHING_PROTOCOLS if isinstance(event, Response) else False
            if isinstance(event, Response) and not self.answer.done() and not (agreed and error):
                self.transport.pause_reading()
                self.answer.set_result(event)
        if error is not None and not self.answer.done():
            self._fail(f"the platform's answer is no WebSocket handshake: {error}")

    def _fail(self, why: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(LinkFailed(why))


def _request(handshake: ClientProtocol, target: LinkTarget) -> Request:
    request = handshake.connect()
    for name, value in target.headers:
        request.headers[name] = value
    request.headers["Authorization"] = target.authorization
    if target.subprotocols:
        request.headers["Sec-WebSocket-Protocol"] = target.subprotocols
    if target.extensions:
        request.headers["Sec-WebSocket-Extensions"] = target.extensions
    return request
