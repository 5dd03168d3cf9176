"""Frames of RFC 6455 from a client's bytes, and a server's frames as bytes. Knows neither messages nor sockets."""

try:
    from websockets.speedups import apply_mask
except ImportError:  # no C extension for this platform: thirty times as slow, and right
    from websockets.utils import apply_mask

__all__ = ["FrameReader", "Violation", "apply_mask", "server_frame"]

FIN = 0x80
RSV1 = 0x40
OPCODE = 0x0F
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
LONGEST_CONTROL_BYTES = 125


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
        frames: list[tuple[int, bytes]] = []
        at, size = 0, len(received)
        while size - at >= 2:
            length = received[at + 1] - 0x80
            payload_at = at + 6
            if length < 0:
                self.violation = Violation(1002, "frame is not masked")
                return frames
            if length > LONGEST_CONTROL_BYTES:
                payload_at = at + (8 if length == 126 else 14)
                if payload_at > size:
                    break
                length = int.from_bytes(received[at + 2 : payload_at - 4])
                if length > self._max_bytes:
                    self.violation = Violation(1009, f"frame is longer than {self._max_bytes} bytes")
                    return frames
            end = payload_at + length
            if end > size:
                self._missing = end - size
                break
            frames.append((received[at], apply_mask(received[payload_at:end], received[payload_at - 4 : payload_at])))
            at = end
        if at < size:
            self._parts.append(received[at:])
        return frames


def server_frame(first_byte: int, payload: bytes) -> bytes:
    """One unmasked frame."""
    length = len(payload)
    if length <= LONGEST_CONTROL_BYTES:
        return bytes((first_byte, length)) + payload
    if length <= 0xFFFF:
        return bytes((first_byte, 126)) + length.to_bytes(2) + payload
    return bytes((first_byte, 127)) + length.to_bytes(8) + payload
