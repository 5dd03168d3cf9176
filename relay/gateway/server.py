"""Uvicorn, as the relay runs it: an upgrade that the consumer may take over, and listening sockets of our own.

Uvicorn's classes are subclassed here and nowhere else; its version is pinned exactly.
"""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

import h11
import uvicorn
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from relay.gateway.drain import drain
from relay.protocol.denials import Denied, draining, unavailable

TAKE_OVER = "floodgate.take_over"
BACKLOG = 2048
SHUTDOWN_SECONDS = 5
Application = Callable[..., Awaitable[None]]
TakeOver = Callable[[asyncio.Protocol], None]


def take_over_extension(scope: dict[str, Any]) -> TakeOver:
    """What a consumer calls, after it accepted, to become the protocol of the client's socket.

    Raises:
        Denied: the server has no such extension: it is not the relay's.
    """
    take_over: TakeOver | None = scope["extensions"].get(TAKE_OVER)
    if take_over is None:
        detail = "This server can't hand its sockets over. Start the relay with manage.py relay."
        raise Denied(unavailable("not_the_relay", detail, 60))
    return take_over


class UpgradeProtocol(WebSocketsSansIOProtocol):
    """Does the handshake and nothing more: the socket is silent until the consumer takes it over."""

    def handle_connect(self, event: Request) -> None:
        """Offer the socket to the consumer, and read nothing until it has decided."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions = cast("dict[str, object]", self.scope["extensions"])
            extensions[TAKE_OVER] = self._take_over
            self.transport.pause_reading()

    async def send(self, message: ASGISendEvent) -> None:
        """Send as Uvicorn does, and remember a refusal as an answered handshake: it would log it as an error."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def shutdown(self) -> None:
        """Answer a handshake that is still undecided with 503, where Uvicorn would with 500."""
        if self.initial_response is None and not self.handshake_complete:
            denial = draining()
            response = self.conn.reject(denial.status, denial.body().decode())
            del response.headers["Content-Type"]
            for name, value in denial.all_headers():
                response.headers[name.decode()] = value.decode()
            self.conn.send_response(response)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.handshake_complete = self.close_sent = True
        super().shutdown()

    def _take_over(self, protocol: asyncio.Protocol) -> None:
        self.connections.discard(self)  # or Uvicorn's shutdown would write into the middle of a frame
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        # What the handshake needed would stay for as long as the connection: 11 of 31 KiB.
        del self.conn, self.queue, self.writable, self.request, self.response
        cast("list[object]", self.scope["headers"]).clear()  # the consumer's copies of the scope share the list


class RequestProtocol(H11Protocol):
    """Reads requests; refuses an upgrade that already brings frames, which Uvicorn would drop silently."""

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand over to ``UpgradeProtocol``, or answer 400."""
        early, _ = self.conn.trailing_data
        if early:
            self.send_400_response("Send no frames before the answer to the upgrade.")
            return
        super().handle_websocket_upgrade(event)


class RelayServer(uvicorn.Server):
    """A Uvicorn that ends the relay's own connections before it ends itself."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, drain, then do what Uvicorn does."""
        for server in self.servers:
            server.close()
        await drain(self.lifespan.state["worker"])
        await super().shutdown(sockets)


def listening_socket(host: str, port: int, receive_buffer_bytes: int) -> socket.socket:
    """A socket that listens; those it accepts inherit the receive buffer, else the kernel would hide 4 MB.

    Raises:
        OSError: the address is in use or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.settimeout(0)
    return listener


def serve(application: Application, listener: socket.socket) -> None:
    """Run the relay on ``listener`` until SIGTERM or SIGINT."""
    gc.collect()
    gc.freeze()  # what lives as long as the process is not looked through again and again: 3 % of a handshake
    relay_server(application).run(sockets=[listener])


def relay_server(application: Application) -> RelayServer:
    """Uvicorn with all that the relay needs of it; it ends when ``should_exit`` is set."""
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=RequestProtocol,
        ws=UpgradeProtocol,
        ws_per_message_deflate=False,  # negotiated end to end
        ws_ping_interval=None,  # a throttled client's pongs stand behind its backlog
        lifespan="on",
        access_log=False,
        proxy_headers=False,  # or anyone on this machine could choose the address that is limited
        log_config=None,
        log_level="warning",  # its access lines would show query strings
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return RelayServer(config)
