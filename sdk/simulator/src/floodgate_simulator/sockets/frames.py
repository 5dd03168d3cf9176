"""Frames of RFC 6455 from a client's bytes, and a server's frames as bytes. Knows neither messages nor sockets."""

import struct

try:
    from websockets.speedups import apply_mask
except ImportError:  # no C extension for this machine: many times as slow, and right
    from websockets.utils import apply_mask

__all__ = ["FrameReader", "Violation", "apply_mask", "frame_header", "server_frame"]

FIN, RSV1, OPCODE, MASKED = 0x80, 0x40, 0x0F, 0x80
RESERVED_BITS = 0x30  # RSV2 and RSV3, which no extension of ours uses
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
LONGEST_CONTROL_BYTES = 125
LENGTH_IN_2_BYTES, LENGTH_IN_8_BYTES = 126, 127  # instead of a length
SHORTEST_HEADER_BYTES = 2
LONGEST_IN_2_BYTES = 0xFFFF

_short_header = struct.Struct(">BB").pack
_medium_header = struct.Struct(">BBH").pack
_long_header = struct.Struct(">BBQ").pack


class Violation(Exception):
    """The client broke the protocol: close with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        """Take a close code and a reason of at most 123 bytes."""
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FrameReader:
    """Cuts what a client sends into unmasked frames; a frame may be split anywhere."""

    __slots__ = ("_max_bytes", "_missing", "_parts", "violation")

    def __init__(self, max_bytes: int) -> None:
        """Refuse frames that announce more than ``max_bytes``."""
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._missing = 0
        self.violation: Violation | None = None

    def feed(self, received: bytes) -> list[tuple[int, bytes]]:
        """The frames that are now complete, as first byte and payload; ``violation`` says why there are no more."""
        if self.violation is not None:
            return []
        if self._missing > len(received):
            # Joined once, when the frame is whole: a large one must not be copied for every read.
            self._parts.append(received)
            self._missing -= len(received)
            return []
        if self._parts:
            self._parts.append(received)
            received = b"".join(self._parts)
            self._parts.clear()
        self._missing = 0
        return self._cut(received)

    def _cut(self, received: bytes) -> list[tuple[int, bytes]]:
        """The whole frames; the rest is kept. Written out: a call for each frame would double its cost."""
        frames: list[tuple[int, bytes]] = []
        at, size = 0, len(received)
        while size - at >= SHORTEST_HEADER_BYTES:
            length = received[at + 1] - MASKED
            mask_at = at + 2
            if length < 0:
                self.violation = Violation(1002, "frame is not masked")
                return frames
            if length > LONGEST_CONTROL_BYTES:
                mask_at += 2 if length == LENGTH_IN_2_BYTES else 8
                if mask_at > size:
                    break
                length = int.from_bytes(received[at + 2 : mask_at])
                if length > self._max_bytes:
                    self.violation = Violation(1009, f"frame is longer than {self._max_bytes} bytes")
                    return frames
            payload_at = mask_at + 4
            end = payload_at + length
            if end > size:
                self._missing = end - size
                break
            frames.append((received[at], apply_mask(received[payload_at:end], received[mask_at:payload_at])))
            at = end
        if at < size:
            self._parts.append(received[at:])
        return frames


def frame_header(first_byte: int, length: int) -> bytes:
    """The header of an unmasked frame."""
    if length <= LONGEST_CONTROL_BYTES:
        return _short_header(first_byte, length)
    if length <= LONGEST_IN_2_BYTES:
        return _medium_header(first_byte, LENGTH_IN_2_BYTES, length)
    return _long_header(first_byte, LENGTH_IN_8_BYTES, length)


def server_frame(first_byte: int, payload: bytes) -> bytes:
    """One unmasked frame."""
    return frame_header(first_byte, len(payload)) + payload
