"""Handshakes with as little work as can be, so that a storm of them costs the relay and not its sender."""

import asyncio
from dataclasses import dataclass

from tests.load.generators.orders import Door
from tests.relay.opening import upgrade_request

HANDSHAKE_TIMEOUT_SECONDS = 15
SWITCHING_PROTOCOLS = 101


@dataclass(frozen=True, slots=True)
class Attempt:
    """An answer to a handshake, and the connection that it came on."""

    status: int
    retry_after: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def is_admitted(self) -> bool:
        """Tell whether the connection is a WebSocket's now."""
        return self.status == SWITCHING_PROTOCOLS


def request(door: Door, number: int) -> bytes:
    """The handshake of a door's connection of that number."""
    authorization = door.authorizations[number % len(door.authorizations)]
    return upgrade_request(door.path, f"Authorization: {authorization}\r\n")


async def attempt(door: Door, number: int) -> Attempt:
    """Try to connect.

    Raises:
        OSError: no connection, or it was cut.
        EOFError: it ended before an answer had come.
        TimeoutError: no answer came in time.
    """
    async with asyncio.timeout(HANDSHAKE_TIMEOUT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        try:
            writer.write(request(door, number))
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except BaseException:
            writer.transport.abort()
            raise
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    return Attempt(int(lines[0].split()[1]), headers.get("retry-after", ""), reader, writer)
