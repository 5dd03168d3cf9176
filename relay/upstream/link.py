"""The socket to the platform: opened with the client's own offers, and handed over once the platform agreed."""

import asyncio
import os
import ssl
from dataclasses import dataclass, field, replace
from typing import cast

from websockets.uri import parse_uri

from relay.platforms.addresses import WEBSOCKET, Endpoint
from relay.protocol.handshake import SWITCHING_PROTOCOLS, is_interim, opening, read_answer
from relay.protocol.heads import Head, HeadInvalid, HeadReader
from relay.upstream.connecting import CONNECT_SECONDS, connect_to_first
from relay.upstream.faults import Phase, count_fault
from relay.upstream.liveness import PLATFORM_GRACE_SECONDS, keep_little_unsent, notice_dead_peer
from relay.upstream.resolver import NoAddress, Resolver

HANDSHAKE_SECONDS = 10.0
KEY_BYTES = 16
MOST_INTERIM_ANSWERS = 8  # before the one that counts: a platform must not keep a handshake busy with them


class LinkFailed(Exception):
    """The platform could not be reached, or did not answer as a WebSocket server; the message says in which phase."""

    def __init__(self, why: str, phase: Phase = Phase.CONNECT) -> None:
        super().__init__(why)
        self.phase = phase


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
    early: bytes = b""

    def hand_over(self, receiver: asyncio.Protocol) -> None:
        """Give ``receiver`` the frames that came together with the platform's 101."""
        early, self.early = self.early, b""
        if early:
            receiver.data_received(early)

    def close(self) -> None:
        """Abort the socket if it is still open."""
        self.transport.abort()


async def open_link(target: LinkTarget, resolver: Resolver) -> Link:
    """Connect to an address that ``resolver`` allows, shake hands, and stop reading.

    Raises:
        LinkRefused: the platform answered with another status than 101.
        LinkFailed: no address that is allowed, no connection, no valid certificate, no answer in time, or one that
            makes no sense. Where that has a reason or a phase, it is counted.
    """
    try:
        return await _open(target, resolver)
    except LinkFailed as failed:
        count_fault(resolver.faults, failed, failed.phase)
        raise


async def _open(target: LinkTarget, resolver: Resolver) -> Link:
    try:
        endpoint = resolver.endpoint(target.url, WEBSOCKET)
    except NoAddress as error:
        raise LinkFailed(f"no connection: {error}") from error
    transport, dialog = await _connect(endpoint, target, resolver)
    try:
        return await _shaken_hands(transport, dialog)
    except BaseException:
        transport.abort()
        raise


async def _shaken_hands(transport: asyncio.Transport, dialog: "_Dialog") -> Link:
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            status, head = await dialog.answer
    except TimeoutError as error:
        why = f"the platform did not answer the handshake within {HANDSHAKE_SECONDS:g} s"
        raise LinkFailed(why, Phase.HANDSHAKE) from error
    if status != SWITCHING_PROTOCOLS:
        raise LinkRefused(status, {name.decode(): value.decode("latin-1") for name, value in head.headers})
    with transport.get_extra_info("socket").dup() as peer:  # uvloop's stand-in would make one for each option
        notice_dead_peer(peer, PLATFORM_GRACE_SECONDS)
        keep_little_unsent(peer)
    return Link(
        transport=transport,
        subprotocol=_joined(head, b"sec-websocket-protocol"),
        extensions=_joined(head, b"sec-websocket-extensions"),
        early=dialog.early,
    )


async def _connect(endpoint: Endpoint, target: LinkTarget, resolver: Resolver) -> tuple[asyncio.Transport, "_Dialog"]:
    resource, tls = parse_uri(target.url).resource_name, target.tls if endpoint.is_secure else None
    try:
        addresses = await resolver.addresses(endpoint)
        async with asyncio.timeout(CONNECT_SECONDS):
            return await connect_to_first(addresses, endpoint, lambda: _Dialog(endpoint, resource, target), tls)
    except TimeoutError as error:
        raise LinkFailed(f"no connection to {endpoint} within {CONNECT_SECONDS:g} s") from error
    except (NoAddress, OSError) as error:  # not allowed, unknown, refused, unreachable, not trusted
        raise LinkFailed(f"no connection to {endpoint}: {error}") from error


class _Dialog(asyncio.Protocol):
    """The handshake itself: one request out, one answer's head in. What follows it is the session's."""

    def __init__(self, endpoint: Endpoint, resource: str, target: LinkTarget) -> None:
        key = os.urandom(KEY_BYTES)
        self._request, self._accept = opening(endpoint.host_header, resource, key, _headers(target))
        self._reader = HeadReader()
        self._interim_answers = 0
        self.early = b""
        self.answer: asyncio.Future[tuple[int, Head]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            self.early += data
            return
        try:
            while (complete := self._reader.feed(data)) is not None:
                head, data = complete
                status, answer = read_answer(head, self._accept)
                if not is_interim(status):
                    self.early = data
                    self.answer.set_result((status, answer))
                    self.transport.pause_reading()
                    return
                self._await_another()
        except HeadInvalid as error:
            self._fail(f"the platform's answer is no WebSocket handshake: {error}", error)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the platform closed during the handshake{f': {error}' if error else ''}", error)

    def _await_another(self) -> None:
        self._interim_answers += 1
        if self._interim_answers > MOST_INTERIM_ANSWERS:
            raise HeadInvalid(f"more than {MOST_INTERIM_ANSWERS} interim answers")
        self._reader = HeadReader()

    def _fail(self, why: str, cause: Exception | None) -> None:
        if not self.answer.done():
            failed = LinkFailed(why, Phase.HANDSHAKE)
            failed.__cause__ = cause
            self.answer.set_exception(failed)


def _headers(target: LinkTarget) -> list[tuple[str, str]]:
    offered = [
        ("Sec-WebSocket-Protocol", target.subprotocols),
        ("Sec-WebSocket-Extensions", target.extensions),
    ]
    return [
        *target.headers,
        ("Authorization", target.authorization),
        *((name, value) for name, value in offered if value),
    ]


def _joined(head: Head, name: bytes) -> str:
    return b", ".join(head.values(name)).decode("latin-1")
