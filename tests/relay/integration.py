"""One client of a relay, as integrations are: it connects with a token, by a library or by raw frames."""

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeAlias

import pytest
import websockets
from floodgate_simulator.application import Simulator
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.utils import apply_mask

from relay.store.client_records import ClientRecord, replace_records
from tests.relay import records
from tests.relay.opening import upgrade_request
from tests.relay.running import HOST, RunningRelay

Unchecked: TypeAlias = Any  # what only passes through to a library
PATIENCE_SECONDS = 10.0


class Integration:
    """A client whose record the relay knows; what it opens is closed with ``stack``."""

    def __init__(self, relay: RunningRelay, simulator: Simulator, stack: AsyncExitStack, **changes: Unchecked) -> None:
        """Let the relay know a client with ``changes``, whose channels lead to the simulator."""
        self.relay = relay
        self.simulator = simulator
        self._stack = stack
        self._tls: ssl.SSLContext | None = changes.pop("tls", None)  # for what it opens raw
        connection = changes.pop("platform_connection", None) or records.platform_connection(simulator.url)
        self.record = records.client(connection, **changes)
        self.publish(self.record)

    def publish(self, *all_records: ClientRecord) -> None:
        """Write the records of the client's tenant; nobody is told."""
        replace_records(self.record.tenant_id, all_records)

    def headers(self, **claims: Unchecked) -> dict[str, str]:
        """What proves who it is."""
        return {"Authorization": f"Bearer {records.token_of(self.record, **claims)}"}

    async def connect(self, path: str = "/v2/websocket/echo", **options: Unchecked) -> websockets.ClientConnection:
        """An open connection, with the options of websockets."""
        headers = options.pop("additional_headers", None)
        connecting = websockets.connect(
            self.relay.ws_url + path,
            additional_headers=self.headers() if headers is None else headers,
            proxy=None,
            max_size=None,
            **options,
        )
        return await self._stack.enter_async_context(connecting)

    async def refusal(self, path: str = "/v2/websocket/echo", **options: Unchecked) -> Response:
        """The HTTP answer to a handshake that must not succeed."""
        with pytest.raises(websockets.InvalidStatus) as refused:
            await self.connect(path, **options)
        return refused.value.response

    async def connect_raw(
        self, path: str = "/v2/websocket/echo", *, buffer_bytes: int = 0, headers: str = ""
    ) -> "RawConnection":
        """An open connection of bare frames; ``buffer_bytes`` bounds what its kernel takes, both ways."""
        raw = await self.knock(path, buffer_bytes=buffer_bytes, headers=headers)
        status = await raw.read_status()
        assert status == 101, status
        return raw

    async def knock(
        self, path: str, *, buffer_bytes: int = 0, headers: str = "", before: bytes = b"", early: bytes = b""
    ) -> "RawConnection":
        """Send a handshake, ``before`` and ``early`` in one piece with it, and read no answer."""
        raw = await raw_connection(self.relay.port, buffer_bytes, self._tls)
        self._stack.push_async_callback(drop, raw.writer)
        proof = "".join(f"{name}: {value}\r\n" for name, value in self.headers().items())
        raw.writer.write(before + upgrade_request(path, proof + headers) + early)
        return raw


class RawConnection:
    """A client's socket without a library behind it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read and write these streams."""
        self.reader = reader
        self.writer = writer
        self.head = b""

    async def read_status(self) -> int:
        """The status of an HTTP answer, whose head is kept."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            self.head = await self.reader.readuntil(b"\r\n\r\n")
        return int(self.head.split(b" ", 2)[1])

    def send(self, *frames: bytes) -> None:
        """Send bytes as they are, in one piece."""
        self.writer.write(b"".join(frames))

    def say(self, payload: bytes = b"", opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> None:
        """Send one masked frame."""
        self.send(Frame(opcode, payload, fin=fin).serialize(mask=True))

    async def frame(self) -> tuple[int, bytes]:
        """First byte and payload of the next frame, which must come soon and be whole."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            first, size = await self.reader.readexactly(2)
            is_masked, size = size & 0x80, size & 0x7F
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
            mask = await self.reader.readexactly(4) if is_masked else bytes(4)
            return first, apply_mask(await self.reader.readexactly(size), mask)

    async def close_frame(self) -> tuple[int, str]:
        """Code and reason of the Close frame, past whatever comes before it."""
        while True:
            first, payload = await self.frame()
            if first == 0x88:
                return int.from_bytes(payload[:2]), payload[2:].decode()

    async def silence(self, seconds: float = 0.1) -> bytes:
        """What comes within so long, of which a test expects nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self.reader.read(1)
        return b""

    async def end(self) -> bytes:
        """All that still comes until the socket ends; a reset is an end too."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


async def drop(writer: asyncio.StreamWriter) -> None:
    """Reset a connection, and leave nothing of it behind."""
    abort(writer.transport)
    with suppress(OSError):  # of the connection, or of TLS
        await writer.wait_closed()


def abort(transport: asyncio.WriteTransport) -> None:
    """Reset a connection, unless it has been closed already."""
    with suppress(AttributeError):  # Python 3.11's transport has no loop any more once it has flushed and closed
        transport.abort()


async def raw_connection(port: int, buffer_bytes: int = 0, tls: ssl.SSLContext | None = None) -> RawConnection:
    """A bare connection to this machine, over TCP or, with ``tls``, over TLS."""
    plug = socket.socket()
    plug.settimeout(0)
    if buffer_bytes:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
    await asyncio.get_running_loop().sock_connect(plug, (HOST, port))
    name = "localhost" if tls else None
    return RawConnection(*await asyncio.open_connection(sock=plug, limit=2**22, ssl=tls, server_hostname=name))


async def close_of(connection: websockets.ClientConnection) -> tuple[int | None, str | None]:
    """The close code and reason that a connection ends with, which must be soon."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        await connection.wait_closed()
    return connection.close_code, connection.close_reason


async def answer_of(connection: websockets.ClientConnection) -> str | bytes:
    """The next message, which must come soon."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await connection.recv()
