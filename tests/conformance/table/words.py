"""The words that rows are written in: messages, frames of each kind, and rows that are echoed, answered or refused."""

from dataclasses import replace

from tests.conformance.case import (
    FRAMEWISE,
    OCTETS,
    PROTOCOL_ERROR,
    TOGETHER,
    Case,
    Difference,
    Frame,
    Message,
    Sendable,
)
from tests.conformance.wire import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT
from tests.relay.integration import Unchecked

HELLO, WORLD = b"Gr\xc3\xbc\xc3\x9fe", b"aus Z\xc3\xbcrich"
IN_PIECES = {TOGETHER: "", FRAMEWISE: ", frame by frame", OCTETS: ", byte by byte"}
REFUSED_BY_HEADER = frozenset({Difference.REASON})
ECHOES = frozenset({Difference.ECHOES})


def text(*parts: bytes) -> Message:
    """A text message, in as many fragments as there are parts."""
    return Message(TEXT, parts)


def binary(*parts: bytes) -> Message:
    """A binary message."""
    return Message(BINARY, parts)


def beginning(payload: bytes) -> Frame:
    """The first fragment of a text."""
    return Frame(TEXT, payload)


def middle(payload: bytes) -> Frame:
    """A further fragment, which is not the last."""
    return Frame(CONTINUATION, payload)


def ending(payload: bytes) -> Frame:
    """The last fragment."""
    return Frame(FIN | CONTINUATION, payload)


def ping(payload: bytes = b"") -> Frame:
    """A ping."""
    return Frame(FIN | PING, payload)


def pong(payload: bytes = b"") -> Frame:
    """A pong."""
    return Frame(FIN | PONG, payload)


def close(code: int | None = None, reason: bytes = b"") -> Frame:
    """A Close frame, without a payload where there is no code."""
    return Frame(FIN | CLOSE, b"" if code is None else code.to_bytes(2) + reason)


def echoed(number: str, name: str, message: Sendable, **fields: Unchecked) -> Case:
    """What comes back."""
    return Case(number, name, (message,), (message,), **fields)


def closed(number: str, name: str, code: int, *sends: Sendable, **fields: Unchecked) -> Case:
    """What the echo must answer by this code, which the relay passes on as it comes."""
    return Case(number, name, sends, closes_with=code, **fields)


def refused(number: str, name: str, *sends: Sendable, **fields: Unchecked) -> Case:
    """What must be answered by 1002, which the relay does by itself."""
    row = closed(number, name, PROTOCOL_ERROR, *sends, **fields)
    return replace(row, may_differ=row.may_differ | REFUSED_BY_HEADER | (ECHOES if row.messages else frozenset()))
