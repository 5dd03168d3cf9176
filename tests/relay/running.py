"""A relay that runs as in production, on its own loop and in a thread of its own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.test import override_settings

from relay.gateway.routing import application, operations
from relay.gateway.server import Operations, RelayServer, listening_socket, relay_server
from relay.gateway.worker import Worker

HOST = "127.0.0.1"
UNLIMITED = 1_000_000  # handshakes of one address: all tests come from one
PATIENCE_SECONDS = 15.0
BACKGROUND_TASKS = (
    "beat for the watchdog",
    "confirm versions",
    "flush counters",
    "follow announcements",
    "inspect sessions",
    "say that the process is alive",
    "say what is held",
    "sweep zones",
    "tell what is open",
    "tell what is refused",
    "tell what was spent",
    "watch memory",
)


@dataclass(frozen=True, slots=True)
class RunningRelay:
    """Where a relay is found, and its inside."""

    port: int
    redis_url: str
    server: RelayServer
    thread: threading.Thread
    operations_port: int

    @property
    def url(self) -> str:
        """Its HTTP address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def operations_url(self) -> str:
        """The address of its port for operations, without a slash at the end."""
        return f"http://{HOST}:{self.operations_port}"

    @property
    def ws_url(self) -> str:
        """Its WebSocket address, without a slash at the end."""
        return f"ws://{HOST}:{self.port}"

    @property
    def worker(self) -> Worker:
        """What it holds; read it, but leave it alone: it is another thread's."""
        return cast(Worker, self.server.lifespan.state["worker"])

    def begin_to_stop(self) -> None:
        """Do what SIGTERM does."""
        self.server.should_exit = True

    def hurry(self) -> None:
        """Do what a second SIGTERM does."""
        self.server.servers[0].get_loop().call_soon_threadsafe(self.server.hurry.set)

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        self.begin_to_stop()
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive(), "the relay does not end"


def free_range(count: int) -> int:
    """The first of so many ports, one after the other, on which nobody listens now."""
    while True:
        with ExitStack() as stack, suppress(OSError, OverflowError):
            first: int = stack.enter_context(socket.create_server((HOST, 0))).getsockname()[1]
            for port in range(first + 1, first + count):
                stack.enter_context(socket.create_server((HOST, port)))
            return first


@contextmanager
def running_relay(redis_url: str, **changes: object) -> Iterator[RunningRelay]:
    """A relay that runs as long as the block does; ``changes`` are settings that hold when it starts."""
    limits = {"ADDRESS_HANDSHAKE_PERMITS": UNLIMITED, "ADDRESS_HANDSHAKE_BURST": UNLIMITED, "DRAIN_SECONDS": 0}
    patience = {"STORE_DECISION_SECONDS": 0.25}  # tests share two cores: an answer may come late
    with override_settings(REDIS_URL=redis_url, **limits | patience | changes):
        listener = listening_socket(HOST, 0, settings.RECEIVE_BUFFER_BYTES)
        server = relay_server(application)
        server.operations = Operations(operations, listening_socket(HOST, 0, settings.RECEIVE_BUFFER_BYTES))
        thread = threading.Thread(target=server.run, args=([listener],), name="relay")
        thread.start()
        while not server.started:
            thread.join(0.002)
            assert thread.is_alive(), "the relay does not start"
    own_port = server.operations.listener.getsockname()[1]
    relay = RunningRelay(listener.getsockname()[1], redis_url, server, thread, own_port)
    try:
        yield relay
    finally:
        relay.stop()
