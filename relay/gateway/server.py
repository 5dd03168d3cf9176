"""Uvicorn, as the relay runs it: each connection begins at our door, and listening sockets are our own.

Uvicorn's classes are subclassed here and in door.py, nowhere else; its version is pinned exactly.
"""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvicorn

from relay.gateway.door import TAKE_OVER, ClientDoor
from relay.gateway.drain import drain
from relay.protocol.denials import Denied, unavailable
from relay.upstream.liveness import notice_dead_peer

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
        notice_dead_peer(listener)
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
        http=cast("Any", ClientDoor),  # typed as one of Uvicorn's own classes
        ws="none",  # the door shakes hands itself
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
