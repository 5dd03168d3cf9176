"""A bare echo of frames, to measure relays by: no tokens, no counts, as little work for each frame as Python allows."""

import asyncio
import struct
from typing import cast

from websockets.http11 import Request
from websockets.server import ServerProtocol

from floodgate_simulator.sockets.frames import apply_mask

HIGH_WATER_BYTES = 256 * 1024
CLOSE, PING, PONG = 0x88, 0x89, 0x8A
_header = struct.Struct(">BB").pack
_header_16 = struct.Struct(">BBH").pack
_header_64 = struct.Struct(">BBQ").pack


class RawEcho(asyncio.Protocol):
    """One connection: the handshake by ``websockets``, then every frame back as it came, unmasked."""

    def __init__(self) -> None:
        """Wait for a handshake."""
        self._handshake: ServerProtocol | None = ServerProtocol()
        self._parts: list[bytes] = []
        self._missing = 0
        self._ends = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(HIGH_WATER_BYTES)

    def pause_writing(self) -> None:
        """Stop reading while the client does not read."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Echo all whole frames in one write."""
        if self._handshake is not None:
            self._shake_hands(self._handshake, data)
            return
        if self._missing > len(data):
            # Joined once, when the frame is whole: a large one must not be copied for every read.
            self._parts.append(data)
            self._missing -= len(data)
            return
        if self._parts:
            self._parts.append(data)
            data = b"".join(self._parts)
            self._parts.clear()
        self._missing = 0
        self._transport.write(self._echo(data))
        if self._ends:
            self._transport.close()

    def _shake_hands(self, handshake: ServerProtocol, received: bytes) -> None:
        handshake.receive_data(received)
        for request in handshake.events_received():
            if isinstance(request, Request):
                handshake.send_response(handshake.accept(request))
                self._handshake = None
        self._transport.writelines(handshake.data_to_send())
        if handshake.handshake_exc is not None:
            self._transport.close()

    def _echo(self, received: bytes) -> bytes:
        """The echo of all whole frames; the rest is kept."""
        outgoing: list[bytes] = []
        at, size = 0, len(received)
        # Written out, without a call of ours for each frame: that would cost as much as the rest of the loop.
        while size - at >= 6:
            first_byte, length, mask_at = received[at], received[at + 1] - 0x80, at + 2
            if length > 125:
                mask_at = at + (4 if length == 126 else 10)
                if mask_at > size:
                    break
                length = int.from_bytes(received[at + 2 : mask_at])
            payload_at = mask_at + 4
            end = payload_at + length
            if end > size:
                self._missing = end - size
                break
            if first_byte >= CLOSE:
                self._ends = first_byte == CLOSE or length < 0
                first_byte = PONG if first_byte == PING else first_byte
            if length < 126:
                outgoing.append(_header(first_byte, length))
            else:
                longer = _header_16(first_byte, 126, length) if length < 65536 else _header_64(first_byte, 127, length)
                outgoing.append(longer)
            outgoing.append(apply_mask(received[payload_at:end], received[mask_at:payload_at]))
            at = end
            if self._ends:
                break
        if at < size:
            self._parts.append(received[at:])
        return b"".join(outgoing)
