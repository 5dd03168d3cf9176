"""A client's end of a WebSocket, of nothing but a socket: writes frames as it is told, reads them as they come."""

import asyncio
import random
import socket

from websockets.utils import apply_mask

from tests.relay.running import HOST

FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASKED, TWO_BYTES_FOLLOW, EIGHT_BYTES_FOLLOW = 0x80, 126, 127
READ_BYTES = 256 * 1024


def wire_frame(first: int, payload: bytes, *, length_bytes: int | None = None, masked: bool = True) -> bytes:
    """A frame with this first byte; ``length_bytes`` (0, 2, 8) is how many tell the length, else as few as can be."""
    if length_bytes is None:
        length_bytes = 0 if len(payload) < TWO_BYTES_FOLLOW else 2 if len(payload) < 1 << 16 else 8
    code = {0: len(payload), 2: TWO_BYTES_FOLLOW, 8: EIGHT_BYTES_FOLLOW}[length_bytes]
    length = len(payload).to_bytes(length_bytes) if length_bytes else b""
    if not masked:
        return bytes([first, code]) + length + payload
    mask = random.randbytes(4)
    return bytes([first, MASKED | code]) + length + mask + apply_mask(payload, mask)


class Wire:
    """A socket. What came before a reset is still read, which asyncio's streams would throw away."""

    def __init__(self, plug: socket.socket) -> None:
        """Own ``plug``, which is connected."""
        self._plug = plug
        self._loop = asyncio.get_running_loop()
        self._unread = bytearray()
        self.was_reset = False

    @classmethod
    async def connected(cls, port: int) -> "Wire":
        """A new connection to this machine."""
        plug = socket.socket()
        plug.settimeout(0)
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(plug, (HOST, port))
        return cls(plug)

    def close(self) -> None:
        """Let it go."""
        self._plug.close()

    async def write(self, octets: bytes) -> bool:
        """Send all of it; false where nobody is there any more."""
        try:
            await self._loop.sock_sendall(self._plug, octets)
        except ConnectionError:
            return False
        return True

    async def head(self) -> str:
        """The answer to a handshake.

        Raises:
            EOFError: the socket ended before.
        """
        while (end := self._unread.find(b"\r\n\r\n")) < 0:
            await self._read_more()
        return (await self._read(end + 4)).decode("latin-1")

    async def frame(self) -> tuple[int, bytes] | None:
        """First byte and payload of the next frame; none where the socket ended."""
        try:
            first, size = await self._read(2)
            assert size <= EIGHT_BYTES_FOLLOW, "a server masks nothing (RFC 6455, section 5.1)"
            if size > TWO_BYTES_FOLLOW - 1:
                size = int.from_bytes(await self._read(2 if size == TWO_BYTES_FOLLOW else 8))
            return first, await self._read(size)
        except EOFError:
            return None

    async def rest(self) -> bytes:
        """All that still comes until the socket ends."""
        try:
            while True:
                await self._read_more()
        except EOFError:
            return bytes(self._unread)

    async def _read(self, count: int) -> bytes:
        while len(self._unread) < count:
            await self._read_more()
        taken = bytes(memoryview(self._unread)[:count])
        del self._unread[:count]
        return taken

    async def _read_more(self) -> None:
        try:
            came = await self._loop.sock_recv(self._plug, READ_BYTES)
        except ConnectionError:
            self.was_reset, came = True, b""
        if not came:
            raise EOFError
        self._unread += came
