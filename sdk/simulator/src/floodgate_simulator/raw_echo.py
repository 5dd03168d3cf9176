"""A bare echo of frames, to measure relays by: no tokens, no counts, as little work for each frame as Python allows."""

import asyncio
from collections.abc import Sequence
from typing import cast

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import ExtensionParameter

from floodgate_simulator.settings import MIB
from floodgate_simulator.sockets.frames import CLOSE, FIN, PING, PONG, FrameReader, frame_header

HIGH_WATER_BYTES = 256 * 1024
MAX_FRAME_BYTES = 1024 * MIB
CLOSE_FRAME, PING_FRAME, PONG_FRAME = FIN | CLOSE, FIN | PING, FIN | PONG


class EchoedDeflate(ServerPerMessageDeflateFactory):
    """Agrees to permessage-deflate where a client may get its own frames back: they follow what it asks of itself."""

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Refuse what a client asks of the server: the frames of an echo were not made here."""
        if any(name.startswith("server_") for name, _ in params):
            raise NegotiationError("An echo sends what it got, so it can keep to no limits of its own.")
        return super().process_request_params(params, accepted_extensions)


class RawEcho(asyncio.Protocol):
    """One connection: the handshake by ``websockets``, then every frame back as it came, unmasked."""

    def __init__(self, open_transports: set[asyncio.Transport]) -> None:
        """Wait for a handshake; as long as the connection is open, its transport is among ``open_transports``."""
        self._open_transports = open_transports
        self._handshake: ServerProtocol | None = ServerProtocol(extensions=[EchoedDeflate()])
        self._reader = FrameReader(MAX_FRAME_BYTES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        self._open_transports.add(self._transport)

    def connection_lost(self, _problem: Exception | None) -> None:
        """End."""
        self._open_transports.discard(self._transport)

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
        outgoing: list[bytes] = []
        ends = False
        for received_byte, payload in self._reader.feed(data):
            if ends:
                break
            ends = received_byte == CLOSE_FRAME
            answered_byte = PONG_FRAME if received_byte == PING_FRAME else received_byte
            outgoing.append(frame_header(answered_byte, len(payload)))
            outgoing.append(payload)
        self._transport.write(b"".join(outgoing))
        if ends or self._reader.violation is not None:
            self._transport.close()

    def _shake_hands(self, handshake: ServerProtocol, received: bytes) -> None:
        handshake.receive_data(received)
        for request in handshake.events_received():
            if isinstance(request, Request):
                handshake.send_response(handshake.accept(request))
                self._handshake = None
        self._transport.write(b"".join(handshake.data_to_send()))
        if handshake.handshake_exc is not None:
            self._transport.close()
