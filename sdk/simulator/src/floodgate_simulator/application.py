"""Starts a simulator and stops it: the HTTP application, its listening socket, and the raw echo beside it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from floodgate_simulator.entry.guard import SIMULATION
from floodgate_simulator.raw_echo import RawEcho
from floodgate_simulator.routes import all_routes
from floodgate_simulator.settings import Settings
from floodgate_simulator.simulation import Simulation
from floodgate_simulator.tls import server_context

DEFAULT_SETTINGS = Settings(port=0)
BACKLOG = 4096
LONGEST_REQUEST_BODY_BYTES = 16 * 1024 * 1024
GOING_AWAY = 1001
CLOSE_SECONDS = 0.3  # a stop takes less than a second, whatever the clients do


class Simulator:
    """One simulator in this process and on this event loop; ``simulation`` is its inside."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing listens yet."""
        self.simulation = Simulation(settings)
        self.port = 0
        self.raw_echo_port = 0
        application = web.Application(client_max_size=LONGEST_REQUEST_BODY_BYTES)
        application[SIMULATION] = self.simulation
        application.add_routes(all_routes())
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=CLOSE_SECONDS,
        )
        self._raw_echo: asyncio.Server | None = None
        self._raw_echo_transports: set[asyncio.Transport] = set()

    @property
    def url(self) -> str:
        """Where HTTP is answered: ``http://host:port``, without a slash at its end."""
        return self._address("http", self.port)

    @property
    def ws_url(self) -> str:
        """Where sockets are opened: ``ws://host:port``; a path follows."""
        return self._address("ws", self.port)

    @property
    def raw_echo_url(self) -> str:
        """Where frames are echoed: ``ws://host:port``; without a raw echo the port is 0."""
        return self._address("ws", self.raw_echo_port)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: a port is in use, or a TLS file cannot be used.
        """
        settings = self.simulation.settings
        tls = server_context(settings.tls_certificate, settings.tls_key)
        await self._runner.setup()
        listener = _listen(settings, settings.port)
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener, ssl_context=tls, backlog=BACKLOG).start()
        if settings.raw_echo_port is not None:
            echo_listener = _listen(settings, settings.raw_echo_port)
            self.raw_echo_port = echo_listener.getsockname()[1]
            loop = asyncio.get_running_loop()
            self._raw_echo = await loop.create_server(
                lambda: RawEcho(self._raw_echo_transports),
                sock=echo_listener,
                ssl=tls,
                backlog=BACKLOG,
            )

    async def stop(self) -> None:
        """Close all sockets with 1001, give the clients a moment to answer, listen no more; may be called twice."""
        if self._raw_echo is not None:
            self._raw_echo.close()
        for transport in list(self._raw_echo_transports):
            transport.abort()
        connections = list(self.simulation.open_connections())
        self.simulation.close_all(GOING_AWAY, "simulator stops")
        if connections:
            await asyncio.wait([connection.ended for connection in connections], timeout=CLOSE_SECONDS)
        for connection in self.simulation.open_connections():
            connection.reset()
        await self._runner.cleanup()

    def _address(self, scheme: str, port: int) -> str:
        settings = self.simulation.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return f"{scheme}{'' if settings.tls_certificate is None else 's'}://{host}:{port}"


@asynccontextmanager
async def running_simulator(port: int = 0, settings: Settings = DEFAULT_SETTINGS) -> AsyncIterator[Simulator]:
    """A simulator that listens as long as the block runs.

    Args:
        port: where to listen; 0 takes any free port.
        settings: everything else; its own port is not used.
    """
    simulator = Simulator(replace(settings, port=port))
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()


def _listen(settings: Settings, port: int) -> socket.socket:
    """A listening socket; the receive buffer must be set before connections come, since they inherit it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.receive_buffer_bytes:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, settings.receive_buffer_bytes)
        listener.bind((settings.host, port))
    except OSError:
        listener.close()
        raise
    return listener
