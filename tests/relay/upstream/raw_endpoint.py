"""A token endpoint of bare bytes, for what the simulator would never answer."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from tests.relay.eventually import turns
from tests.relay.integration import drop
from tests.relay.running import HOST

BETWEEN_PIECES_SECONDS = 0.01


class RawEndpoint:
    """Answers each request with the same pieces, one after the other, and counts them."""

    def __init__(self, pieces: Iterable[bytes], *, closes: bool) -> None:
        """``closes`` ends the connection after the last piece; else it stays open and silent."""
        self._pieces = tuple(pieces)
        self._closes = closes
        self.requests: list[bytes] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}/token"

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in self._pieces:
                writer.write(piece)
                await writer.drain()
                await turns(BETWEEN_PIECES_SECONDS)
        if self._closes:
            writer.close()


@asynccontextmanager
async def raw_endpoint(pieces: Iterable[bytes], *, closes: bool = True) -> AsyncIterator[RawEndpoint]:
    """An endpoint that listens as long as the block runs."""
    endpoint = RawEndpoint(pieces, closes=closes)
    writers: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await endpoint.take(reader, writer)

    server = await asyncio.start_server(take, HOST, 0)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()
        for writer in writers:
            await drop(writer)
