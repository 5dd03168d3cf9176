"""A platform that echoes, and is strict about it: the `websockets` library checks every frame, code and text."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass

from floodgate_simulator.application import running_simulator
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

from tests.relay.running import HOST

START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class StrictEcho:
    """Where it is: the port of its sockets, and the address of a simulator that gives out tokens."""

    port: int
    token_issuer_url: str


@contextmanager
def strict_echo(largest_message_bytes: int) -> Iterator[StrictEcho]:
    """An echo in a thread of its own, as long as the block runs. It agrees on any permessage-deflate."""
    platform = _Platform(largest_message_bytes)
    thread = threading.Thread(target=platform.run, name="strict echo")
    thread.start()
    try:
        assert platform.has_started.wait(START_SECONDS), "the echo does not start"
        yield platform.echo
    finally:
        platform.stop()
        thread.join(START_SECONDS)
        assert not thread.is_alive(), "the echo does not end"


class _Platform:
    def __init__(self, largest_message_bytes: int) -> None:
        self._largest_message_bytes = largest_message_bytes
        self._loop = asyncio.new_event_loop()
        self._may_end = asyncio.Event()
        self.has_started = threading.Event()

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._may_end.set)

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            tokens = await stack.enter_async_context(running_simulator())
            serving = serve(
                _echo,
                HOST,
                0,
                compression=None,  # the factory below sets no bounds of its own: the client's offer decides
                extensions=[ServerPerMessageDeflateFactory()],
                max_size=self._largest_message_bytes,
                ping_interval=None,
            )
            server = await stack.enter_async_context(serving)
            self.echo = StrictEcho(server.sockets[0].getsockname()[1], tokens.url)
            self.has_started.set()
            await self._may_end.wait()


async def _echo(connection: ServerConnection) -> None:
    """Send every message back. Read fragment by fragment: so a wrong text is refused before its message ends."""
    with suppress(ConnectionClosed):
        while True:
            parts = [part async for part in connection.recv_streaming()]
            octets = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
            await connection.send(octets, text=isinstance(parts[0], str))
