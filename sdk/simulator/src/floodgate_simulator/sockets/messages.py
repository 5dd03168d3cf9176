"""Whole messages from data frames: fragments joined, compression undone, text checked. Knows no socket."""

from typing import NamedTuple

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode

from floodgate_simulator.sockets.frames import CONTINUATION, FIN, OPCODE, RSV1, TEXT, Violation, server_frame


class Message(NamedTuple):
    """One message, whatever frames it came in."""

    payload: bytes
    is_text: bool


class MessageReader:
    """Joins data frames to messages."""

    __slots__ = ("_deflate", "_is_text", "_max_bytes", "_parts", "_size")

    def __init__(self, deflate: Extension | None, max_bytes: int) -> None:
        """Take the negotiated permessage-deflate, if any, and the largest size of a message."""
        self._deflate = deflate
        self._max_bytes = max_bytes
        self._parts: list[bytes] | None = None
        self._is_text = False
        self._size = 0

    def add(self, first_byte: int, payload: bytes) -> Message | None:
        """The message that this data frame ends, if it does.

        Raises:
            Violation: out of turn, too large, badly compressed, not UTF-8.
        """
        opcode = first_byte & OPCODE
        if (opcode == CONTINUATION) == (self._parts is None):
            raise Violation(1002, "continuation frame out of turn" if not opcode else "continuation frame expected")
        if opcode != CONTINUATION:
            self._is_text = opcode == TEXT
        if self._deflate is not None:
            payload = self._inflate(self._deflate, first_byte, payload)
        elif first_byte & RSV1:
            raise Violation(1002, "reserved bit set")
        if first_byte & FIN and self._parts is None:
            return self._whole(payload)
        self._size += len(payload)
        if self._size > self._max_bytes:
            raise Violation(1009, f"message is longer than {self._max_bytes} bytes")
        parts = self._parts = [] if self._parts is None else self._parts
        parts.append(payload)
        if not first_byte & FIN:
            return None
        self._parts = None
        self._size = 0
        return self._whole(b"".join(parts))

    def _whole(self, payload: bytes) -> Message:
        if self._is_text:
            try:
                payload.decode()
            except UnicodeDecodeError:
                raise Violation(1007, "text is not UTF-8") from None
        return Message(payload, self._is_text)

    def _inflate(self, deflate: Extension, first_byte: int, payload: bytes) -> bytes:
        frame = Frame(
            Opcode(first_byte & OPCODE),
            payload,
            fin=bool(first_byte & FIN),
            rsv1=bool(first_byte & RSV1),
        )
        try:
            return bytes(deflate.decode(frame, max_size=self._max_bytes).data)
        except PayloadTooBig:
            raise Violation(1009, f"message is longer than {self._max_bytes} bytes") from None
        except ProtocolError as problem:
            raise Violation(1002, str(problem)) from None


def message_frame(message: Message, deflate: Extension | None) -> bytes:
    """A whole message as one frame, compressed where that was negotiated."""
    opcode = Opcode.TEXT if message.is_text else Opcode.BINARY
    if deflate is None:
        return server_frame(FIN | opcode, message.payload)
    frame = deflate.encode(Frame(opcode, message.payload))
    return server_frame(FIN | RSV1 | opcode, bytes(frame.data))
