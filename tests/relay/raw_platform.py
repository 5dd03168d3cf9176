"""A platform of bare bytes, for what the simulator would never send. Tokens come from the simulator all the same."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from websockets.utils import accept_key

from tests.relay.integration import PATIENCE_SECONDS, RawConnection, drop
from tests.relay.running import HOST

Answer: TypeAlias = Callable[[str], bytes]  # from the handshake's key to all that is sent at once


def switching(key: str, headers: str = "", early: bytes = b"") -> bytes:
    """A 101 with further ``headers`` (whole lines), and frames in the same packet."""
    fixed = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n"
    return f"HTTP/1.1 101 Switching Protocols\r\n{fixed}{headers}\r\n".encode() + early


class RawPlatform:
    """Listens, reads handshakes, and answers them as it was told."""

    def __init__(self, answer: Answer) -> None:
        """Answer each handshake so."""
        self._answer = answer
        self._arrived: asyncio.Queue[RawConnection] = asyncio.Queue()
        self.port = 0

    @property
    def url(self) -> str:
        """Where its sockets are, as a platform connection's template."""
        return f"ws://{HOST}:{self.port}/{{channel}}"

    async def connection(self) -> RawConnection:
        """The next connection, answered; its head is what the relay asked."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._arrived.get()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        arrived = RawConnection(reader, writer)
        arrived.head = await reader.readuntil(b"\r\n\r\n")
        key = next(line[19:] for line in arrived.head.decode().split("\r\n") if line.startswith("Sec-WebSocket-Key: "))
        writer.write(self._answer(key))
        self._arrived.put_nowait(arrived)


@asynccontextmanager
async def raw_platform(answer: Answer = switching) -> AsyncIterator[RawPlatform]:
    """A platform that listens as long as the block runs."""
    platform = RawPlatform(answer)
    writers: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await platform.take(reader, writer)

    server = await asyncio.start_server(take, HOST, 0, limit=2**22)
    platform.port = server.sockets[0].getsockname()[1]
    try:
        yield platform
    finally:
        server.close()
        for writer in writers:
            await drop(writer)
