"""One end of a conversation, client or platform: it sends numbered messages, and checks those that it receives."""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from typing import cast

from websockets.frames import Frame, Opcode

from tests.relay.integration import RawConnection, abort

NUMBER_BYTES = 8
LINGER_NOTHING = struct.pack("ii", 1, 0)
CLOSE, CONTINUATION = 0x88, 0x00
GOING_AWAY = (1001).to_bytes(2)


def payload_of(number: int, size: int) -> bytes:
    """A message that tells its number, and whose every byte follows from it."""
    return number.to_bytes(NUMBER_BYTES) + bytes([number % 251]) * size


class Endpoint:
    """Holds one socket. ``acknowledges`` sends a message for each that it receives.

    Attributes:
        sent: messages that were given to the kernel, or to asyncio's buffer.
        received: messages that came whole; each was the next one, unchanged.
        wrong: the first thing that must not have come, in words; or nothing.
        closed_with: code of the Close frame that came, or 0.
        is_over: nothing more will come: the socket has ended or was reset.
    """

    def __init__(self, raw: RawConnection, *, is_client: bool, acknowledges: bool = False) -> None:
        """Read from now on."""
        self.raw, self._is_client, self._acknowledges = raw, is_client, acknowledges
        self.sent = self.received = self.closed_with = 0
        self.wrong = ""
        self.is_over = self.has_closed = False
        self._reads = asyncio.Event()
        self._reads.set()
        self._message = b""
        self._reading = asyncio.create_task(self._read(), name="endpoint reads")

    def send(self, count: int, size: int, cut: int = 0) -> None:
        """Send messages, each in ``cut`` + 1 frames, if the socket still is there."""
        for _ in range(count):
            if self.has_closed or self.raw.writer.transport.is_closing():
                return
            self._write(_frames(payload_of(self.sent, size), cut, mask=self._is_client))
            self.sent += 1

    def ping(self, count: int) -> None:
        """Send pings; nobody here answers them."""
        if not self.has_closed:
            self._write(Frame(Opcode.PING, b"x" * 60).serialize(mask=self._is_client) * count)

    def send_close(self) -> None:
        """Send a Close frame; nothing may follow it."""
        if not self.has_closed:
            self.has_closed = True
            self._write(Frame(Opcode.CLOSE, GOING_AWAY).serialize(mask=self._is_client))

    def half_close(self) -> None:
        """Send FIN, and read on; TLS can't do that, and closes."""
        self.has_closed = True
        transport = self.raw.writer.transport
        with suppress(OSError, RuntimeError):
            if transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()

    def close(self) -> None:
        """Close the socket as a program does: what is sent to it from now on is answered by a reset."""
        self.has_closed = True
        self.raw.writer.transport.close()

    def reset(self) -> None:
        """Reset the connection, as the kernel of a killed program may do."""
        self.has_closed = True
        transport = self.raw.writer.transport
        if not transport.is_closing():
            plug = cast("socket.socket", transport.get_extra_info("socket"))
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOTHING)
        abort(transport)

    def stop_reading(self) -> None:
        """Leave all in the kernel from now on."""
        self._reads.clear()

    def read_on(self) -> None:
        """Read again."""
        self._reads.set()

    async def gone(self) -> None:
        """Reset what is left, and end the reading."""
        self.reset()
        self._reading.cancel()
        await asyncio.wait([self._reading])
        with suppress(OSError):
            await self.raw.writer.wait_closed()

    def _write(self, data: bytes) -> None:
        if not self.raw.writer.transport.is_closing():
            self.raw.writer.write(data)

    async def _read(self) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while not self.wrong:
                await self._reads.wait()
                self._take(*await self._frame())
        self.is_over = True

    async def _frame(self) -> tuple[int, bytes]:
        reader = self.raw.reader
        first, size = await reader.readexactly(2)
        is_masked, size = size & 0x80, size & 0x7F
        if size > 125:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8))
        mask = await reader.readexactly(4) if is_masked else b""
        payload = await reader.readexactly(size)
        if mask:
            key = int.from_bytes((mask * (size // 4 + 1))[:size])
            payload = (int.from_bytes(payload) ^ key).to_bytes(size)
        return first, payload

    def _take(self, first: int, payload: bytes) -> None:
        opcode, is_last = first & 0x0F, first & 0x80
        if self.closed_with:
            self.wrong = f"a frame {first:#x} came behind the Close frame"
        elif first == CLOSE:
            self.closed_with = int.from_bytes(payload[:2]) or 1005
        elif opcode in (CONTINUATION, Opcode.BINARY):
            self._message += payload
            if is_last:
                self._take_message()

    def _take_message(self) -> None:
        message, self._message = self._message, b""
        if message != payload_of(self.received, len(message) - NUMBER_BYTES):
            self.wrong = f"message {self.received} was expected, and {message[:16]!r} ({len(message)} bytes) came"
            return
        self.received += 1
        if self._acknowledges:
            self.send(1, 20)


def _frames(payload: bytes, cut: int, *, mask: bool) -> bytes:
    ends = sorted(random.Random(len(payload) + cut).sample(range(1, len(payload)), min(cut, len(payload) - 1)))
    parts = [payload[begin:end] for begin, end in zip([0, *ends], [*ends, len(payload)], strict=True)]
    opcodes = [Opcode.BINARY, *[Opcode.CONT] * (len(parts) - 1)]
    frames = (
        Frame(opcode, part, fin=number == len(parts)).serialize(mask=mask)
        for number, (opcode, part) in enumerate(zip(opcodes, parts, strict=True), start=1)
    )
    return b"".join(frames)
