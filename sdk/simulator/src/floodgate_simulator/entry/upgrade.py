"""From an HTTP request to an open socket: negotiation, and taking the transport over from the HTTP server."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from websockets.datastructures import Headers
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from floodgate_simulator.entry.guard import Refused
from floodgate_simulator.sockets.connection import Connection

TICKET = "ticket."
# Small windows, as most servers choose them: a thousand connections need 60 MB less.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_max_window_bits=12,
    client_max_window_bits=12,
    compress_settings={"memLevel": 5},
)


class _Leftover:
    """Collects what a hasty client sent before it was answered; the HTTP server gives it to a parser only."""

    def __init__(self) -> None:
        self.received = b""

    def feed_data(self, received: bytes) -> tuple[bool, bytes]:
        self.received += received
        return False, b""

    def feed_eof(self) -> None:
        """Nothing follows; the connection learns that by itself."""


def negotiate(request: web.Request, *, compression: bool) -> tuple[Response, Extension | None]:
    """The 101 to send, and the permessage-deflate that it agrees to.

    Raises:
        Refused: this is no proper WebSocket handshake (400, 405 or 426).
    """
    protocol = ServerProtocol(
        extensions=[_DEFLATE] if compression else [],
        select_subprotocol=_first_but_tickets,
    )
    headers = Headers()
    for name, value in request.headers.items():
        headers[name] = value
    response = protocol.accept(Request(request.raw_path, headers, request.method))
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        told = {name: value for name, value in response.headers.raw_items() if name.lower() != "content-length"}
        raise Refused(web.Response(status=response.status_code, headers=told, body=response.body))
    return response, protocol.extensions[0] if protocol.extensions else None


def own_transport(request: web.Request) -> asyncio.Transport:
    """The transport that the request came by.

    Raises:
        Refused: the client went meanwhile.
    """
    if request.transport is None:
        raise Refused(web.Response(), counted_as="left")
    return request.transport


def take_over(request: web.Request, response: Response, connection: Connection) -> bytes:
    """Send the 101 and let the connection be the transport's protocol; answer what a hasty client sent already."""
    transport = own_transport(request)
    leftover = _Leftover()
    request.protocol.set_parser(cast(Any, leftover))
    transport.write(response.serialize())
    transport.set_protocol(connection)
    connection.connection_made(transport)
    return leftover.received


def _first_but_tickets(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first subprotocol offered that does not stand for a token."""
    return next((name for name in offered if not name.startswith(TICKET)), None)
