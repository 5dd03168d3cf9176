"""Uvicorn, as the relay runs it: each connection begins at our door, and listening sockets are our own.

Uvicorn's classes are subclassed here and in door.py, nowhere else; its version is pinned exactly.
"""

import asyncio
import gc
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, NamedTuple, cast

import uvicorn
from django.conf import settings

from relay.gateway.door import TAKE_OVER, ClientDoor, OperationsDoor
from relay.gateway.drain import drain
from relay.gateway.front import FrontDoor
from relay.gateway.worker import Worker
from relay.process.child import FAILING, HEARTBEAT, HEARTBEAT_SECONDS, READY
from relay.protocol.denials import Denied, unavailable
from relay.upstream.liveness import CLIENT_GRACE_SECONDS, keep_little_unsent, notice_dead_peer

BACKLOG = 2048
SHUTDOWN_SECONDS = 5
END_SECONDS = 15  # beyond the drain: the last closes, the flush of what was counted
FAILED_STATUS = 70  # EX_SOFTWARE of sysexits.h: whoever supervises the process starts another
FAILED_DRAIN_SECONDS = 1.0  # over which closes are spread where a background task has ended: it half works
Application = Callable[..., Awaitable[None]]
TakeOver = Callable[[asyncio.Protocol], None]


class Operations(NamedTuple):
    """What answers operations, and where: a port of this process alone, without TLS or a proxy's header."""

    application: Application
    listener: socket.socket


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
    """A Uvicorn that drains the relay's connections before it ends, and tells its supervisor when it is ready."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        """Spread the closes over ``drain_seconds``.

        ``has_failed`` tells afterwards that the server ended because a background task did.
        """
        super().__init__(config)
        self.drain_seconds = drain_seconds
        self.has_failed = False
        self.limit_end: Callable[[int], object] | None = None  # ends the process if that takes longer
        self.tls = tls_context()
        self.front: FrontDoor | None = None
        self.lifeline: socket.socket | None = None  # to the supervisor, where there is one
        self.operations: Operations | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as Uvicorn does, then say so."""
        self.hurry = asyncio.Event()
        if sockets and (self.tls or settings.PROXY_PROTOCOL):
            await super().startup([])
            self.front = FrontDoor(sockets[0], self.tls, self._make_door, self.worker)
        else:
            await super().startup(sockets)
        if self.operations is not None:
            self.servers.append(await self._open_for(self.operations))
        if self.lifeline is not None:
            self.lifeline.settimeout(0)
            asyncio.get_running_loop().add_reader(self.lifeline, self._end_with_supervisor)
            self._say(self.lifeline, READY)
            self._beat(self.lifeline)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then do what Uvicorn does.

        Until the drain is over, handshakes are answered 503 with a time to come back; but where others listen on the
        same socket, they shall have them.
        """
        if self.limit_end is not None:
            self.limit_end(int(self.drain_seconds) + END_SECONDS)
        if self.lifeline is not None:
            asyncio.get_running_loop().remove_reader(self.lifeline)
            await self._accept_no_more()
        await drain(self.worker, self.drain_seconds, self.hurry)
        await self._accept_no_more()
        own = [self.operations.listener] if self.operations is not None else []
        await super().shutdown([*(sockets or []), *own])

    async def on_tick(self, counter: int) -> bool:
        """End once a background task has ended: another process works where this one only half works."""
        if self.worker.tasks.ended:
            self.has_failed = True
            if self.lifeline is not None:
                self._say(self.lifeline, FAILING)
            self.drain_seconds = min(self.drain_seconds, FAILED_DRAIN_SECONDS)
            return True
        return await super().on_tick(counter)

    @property
    def worker(self) -> Worker:
        """The state of this process; it exists from startup on."""
        return cast("Worker", self.lifespan.state["worker"])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End; told a second time, do not spread the closes any further."""
        if self.should_exit:
            self.hurry.set()  # Python runs signal handlers between two steps of the loop's own thread
        super().handle_exit(sig, frame)

    async def _accept_no_more(self) -> None:
        for server in self.servers:
            server.close()
        if self.front is not None:
            await self.front.aclose()

    async def _open_for(self, operations: Operations) -> asyncio.Server:
        """Let operations in at the same door, with its deadlines, but into an application of their own."""
        config = _config(operations.application)
        config.load()

        def make_door() -> OperationsDoor:
            return OperationsDoor(config, self.server_state, self.lifespan.state)

        return await asyncio.get_running_loop().create_server(make_door, sock=operations.listener, backlog=BACKLOG)

    def _make_door(self) -> ClientDoor:
        return ClientDoor(self.config, self.server_state, self.lifespan.state)

    def _beat(self, lifeline: socket.socket) -> None:
        """Show the supervisor that the event loop runs, until the end of the drain and of all that follows."""
        self._say(lifeline, HEARTBEAT)
        asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self._beat, lifeline)

    def _say(self, lifeline: socket.socket, word: bytes) -> None:
        try:
            lifeline.send(word)
        except BlockingIOError:
            pass  # the supervisor does not read at the moment
        except OSError:
            self._end_with_supervisor()

    def _end_with_supervisor(self) -> None:
        """Nobody else would end or replace this process."""
        if self.lifeline is not None:
            asyncio.get_running_loop().remove_reader(self.lifeline)
        self.should_exit = True


def listening_socket(host: str, port: int, receive_buffer_bytes: int) -> socket.socket:
    """A socket that listens; those it accepts inherit its options, else the kernel would hide 4 MB each way.

    Raises:
        OSError: the address is in use or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        notice_dead_peer(listener, CLIENT_GRACE_SECONDS)
        keep_little_unsent(listener)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.settimeout(0)
    return listener


def serve(
    application: Application,
    listener: socket.socket,
    operations: Operations | None = None,
    lifeline: socket.socket | None = None,
) -> None:
    """Run the relay on ``listener`` until SIGTERM, SIGINT or SIGHUP, or until a supervisor at ``lifeline`` is gone.

    Raises:
        SystemExit: with ``FAILED_STATUS``, where a background task has ended.
    """
    gc.collect()
    gc.freeze()  # what lives as long as the process is not looked through again and again: 3 % of a handshake
    server = relay_server(application)
    server.operations, server.lifeline = operations, lifeline
    server.limit_end = signal.alarm  # SIGALRM ends the process even where a thread or the loop hangs
    if lifeline is not None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it is for the supervisor; a hung-up terminal tells all of them
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, server.handle_exit)
    server.run(sockets=[listener])
    if server.has_failed:
        sys.exit(FAILED_STATUS)


def tls_context() -> ssl.SSLContext | None:
    """What clients' connections are encrypted with, where a certificate is set.

    Raises:
        OSError: certificate and key can't be read, or don't belong together.
    """
    if not settings.TLS_CERTIFICATE_FILE:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(settings.TLS_CERTIFICATE_FILE, settings.TLS_KEY_FILE or None)
    return context


def relay_server(application: Application) -> RelayServer:
    """Uvicorn with all that the relay needs of it; it ends when ``should_exit`` is set."""
    return RelayServer(_config(application), settings.DRAIN_SECONDS)


def _config(application: Application) -> uvicorn.Config:
    return uvicorn.Config(
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
