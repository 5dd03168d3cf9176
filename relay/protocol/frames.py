"""Reads frame headers where they stand (RFC 6455, section 5), without touching payloads.

Masks and compression pass unchanged, so what a header says is all that is checked here: reserved bits, opcodes,
masking, minimal lengths, control frames, fragments and the size of a message.
"""

from enum import IntEnum
from functools import cache
from struct import Struct
from struct import error as StructError  # noqa: N812

from relay.protocol.close_codes import CloseCode

FIN, RSV, RSV1, OPCODE = 0x80, 0x70, 0x40, 0x0F
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
LARGEST_CONTROL_BYTES = 125
TWO_BYTES_FOLLOW, EIGHT_BYTES_FOLLOW, LARGEST_TWO_BYTE_LENGTH = 126, 127, 0xFFFF
MASK_BYTES = 4
FIRST_FOUR_BYTES = Struct("!HH").unpack_from


class FrameKind(IntEnum):
    """What a frame means to a limiter. The first three are an index into the limiters of a direction."""

    MESSAGE, FRAGMENT, CONTROL, CLOSE = range(4)


class ProtocolViolation(Exception):
    """A frame that must not go on. ``code`` and ``reason`` are for the Close frame to whoever sent it."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FrameScanner:
    """Reads the headers of one direction of one connection, and keeps what must be known between two frames.

    Attributes:
        kind: of the frame last read; a message's first frame is a MESSAGE, the further ones are FRAGMENTs, but
            those no longer than a control frame are judged as one, unless they end their message.
        payload_bytes: of the frame last read.
        message_is_open: a message has begun and its last fragment has not been read.
        close_was_read: no frame may follow.
    """

    __slots__ = (
        "_compressed",
        "_fragments",
        "_header_bytes",
        "_largest_message_bytes",
        "_mask_bit",
        "_message_bytes",
        "_most_fragments",
        "_run_form",
        "_whole",
        "close_was_read",
        "kind",
        "message_is_open",
        "payload_bytes",
    )

    def __init__(self, *, masked: bool, compressed: bool, largest_message_bytes: int, most_fragments: int) -> None:
        """Expect frames of a client (``masked``) or a server; ``compressed`` where an extension was agreed."""
        self._most_fragments = most_fragments
        self._fragments = 0  # of the message that is open
        self._mask_bit = 0x80 if masked else 0
        self._header_bytes = 2 + (MASK_BYTES if masked else 0)
        self._compressed = compressed
        self._largest_message_bytes = largest_message_bytes
        self._message_bytes = 0
        plain = {FIN | TEXT, FIN | BINARY}
        self._whole = frozenset(plain | {first | RSV1 for first in plain} if compressed else plain)
        self._run_form = _run_form(self._whole, self._mask_bit, self._header_bytes, largest_message_bytes)
        self.kind = FrameKind.MESSAGE
        self.payload_bytes = 0
        self.message_is_open = False
        self.close_was_read = False

    def read(self, chunk: bytes, at: int) -> int:
        """Read the header that begins at ``chunk[at]``.

        Returns:
            The length of the whole frame in bytes, or 0 while the header is not complete.

        Raises:
            ProtocolViolation: the frame must not go on; nothing of it may be forwarded.
        """
        try:
            first = chunk[at]
            size = chunk[at + 1] ^ self._mask_bit
            header_bytes = self._header_bytes
            if size == TWO_BYTES_FOLLOW:
                size = chunk[at + 2] << 8 | chunk[at + 3]
                header_bytes += 2
                if size <= LARGEST_CONTROL_BYTES:
                    raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "length_not_minimal")
            elif size > TWO_BYTES_FOLLOW:
                size = self._read_long_length(chunk, at, size)
                header_bytes += 8
        except IndexError:
            return 0
        if first in self._whole and not (self.message_is_open or self.close_was_read):
            if size > self._largest_message_bytes:
                raise self._too_big(size)
            self.kind = FrameKind.MESSAGE
        else:
            self._read_less_common(first, size)
        self.payload_bytes = size
        return header_bytes + size

    def read_run(self, chunk: bytes, at: int, most: int) -> tuple[int, int]:
        """Pass over the plain messages that stand one behind the other from ``chunk[at]`` on.

        Plain are those of one frame with a length of less than 64 KiB, which need none of ``read``'s care. Where
        something else stands, or less than four bytes have come, the run ends; nothing is remembered of it.

        Returns:
            How many there are, ``most`` at the most, and where the last one ends, which may be beyond the chunk.
        """
        end = 0 if self.message_is_open or self.close_was_read else len(chunk)
        lengths, longest, header_bytes = self._run_form
        count = 0
        try:
            while at < end and count < most:
                head, size = FIRST_FOUR_BYTES(chunk, at)
                length = lengths[head]
                if not length:
                    if not LARGEST_CONTROL_BYTES < size <= longest:
                        break
                    length = size + header_bytes
                at += length
                count += 1
        except (KeyError, StructError):
            pass  # something else stands there, or a header that is not complete
        return count, at

    def skip(self, chunk: bytes, at: int) -> int:
        """Read headers from ``chunk[at]`` on, up to an incomplete one, the chunk's end or a Close frame.

        Returns:
            Where that is; beyond the chunk's end where the last frame goes on.

        Raises:
            ProtocolViolation: what follows can't be read.
        """
        while at < len(chunk) and not self.close_was_read:
            length = self.read(chunk, at)
            if not length:
                break
            at += length
        return at

    def _read_long_length(self, chunk: bytes, at: int, size: int) -> int:
        """Read a length of eight bytes; an IndexError says that they are not all there."""
        if size != EIGHT_BYTES_FOLLOW:
            raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "frame_not_masked" if self._mask_bit else "frame_masked")
        chunk[at + 9]
        size = int.from_bytes(chunk[at + 2 : at + 10], "big")
        if size <= LARGEST_TWO_BYTE_LENGTH or size >> 63:
            raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "length_not_minimal")
        return size

    def _read_less_common(self, first: int, size: int) -> None:
        opcode = first & OPCODE
        if self.close_was_read:
            raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "frame_after_close")
        begins_message = opcode in (TEXT, BINARY)
        allowed_bits = RSV1 if self._compressed and begins_message else 0
        if first & RSV & ~allowed_bits:
            raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "reserved_bits")
        if opcode in (CLOSE, PING, PONG):
            self._read_control(first, opcode, size)
        elif begins_message or opcode == CONTINUATION:
            self._read_fragment(first, size, begins_message=begins_message)
        else:
            raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "unknown_opcode")

    def _read_control(self, first: int, opcode: int, size: int) -> None:
        if not first & FIN or size > LARGEST_CONTROL_BYTES:
            raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "control_frame_fragmented_or_too_long")
        self.kind = FrameKind.CONTROL
        if opcode == CLOSE:
            if size == 1:
                raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "close_frame_of_one_byte")
            self.kind = FrameKind.CLOSE
            self.close_was_read = True

    def _read_fragment(self, first: int, size: int, *, begins_message: bool) -> None:
        if begins_message == self.message_is_open:
            reason = "message_inside_message" if begins_message else "continuation_of_nothing"
            raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, reason)
        self._fragments = 1 if begins_message else self._fragments + 1
        if self._fragments > self._most_fragments:
            reason = f"too_many_fragments;limit={self._most_fragments}"
            raise ProtocolViolation(CloseCode.MESSAGE_TOO_BIG, reason)
        self._message_bytes = size if begins_message else self._message_bytes + size
        if self._message_bytes > self._largest_message_bytes:
            raise self._too_big(self._message_bytes)
        self.message_is_open = not first & FIN
        self.kind = FrameKind.MESSAGE if begins_message else fragment_kind(size, ends_message=not self.message_is_open)

    def _too_big(self, size: int) -> ProtocolViolation:
        reason = f"message_too_big;size_bytes={size};limit_bytes={self._largest_message_bytes}"
        return ProtocolViolation(CloseCode.MESSAGE_TOO_BIG, reason)


def fragment_kind(size: int, *, ends_message: bool) -> FrameKind:
    """What a frame means to a limiter that continues a message: many small ones are as cheap to send as pings."""
    return FrameKind.FRAGMENT if ends_message or size > LARGEST_CONTROL_BYTES else FrameKind.CONTROL


@cache
def _run_form(
    plain: frozenset[int], mask_bit: int, header_bytes: int, largest_message_bytes: int
) -> tuple[dict[int, int], int, int]:
    """What ``read_run`` looks up, the same for all connections of a kind.

    The whole length of each plain frame by its first two bytes, 0 where two more tell it; the greatest payload that
    those tell; and how long the header is then.
    """
    smallest = {
        first << 8 | mask_bit | size: header_bytes + size
        for first in plain
        for size in range(min(LARGEST_CONTROL_BYTES, largest_message_bytes) + 1)
    }
    medium = {first << 8 | mask_bit | TWO_BYTES_FOLLOW: 0 for first in plain}
    return smallest | medium, min(LARGEST_TWO_BYTE_LENGTH, largest_message_bytes), header_bytes + 2
