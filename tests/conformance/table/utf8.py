"""Group 6, first part: texts in UTF-8 and what is none, cut between and inside code points (RFC 6455, section 8.1)."""

from collections.abc import Iterator

from tests.conformance.case import BAD_TEXT, FRAMEWISE, Case, Frame, Sendable
from tests.conformance.table.words import HELLO, beginning, closed, echoed, middle, text
from tests.conformance.wire import FIN, TEXT

GREEK = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()  # "κόσμε" with the accented letter that takes three bytes
MIXED = "Zürich, κόσμε, 水, 🌊".encode()
SURROGATE, BEYOND_LAST = b"\xed\xa0\x80", b"\xf4\x90\x80\x80"
CHOP_BYTES, HALF_BYTES = 12, 18  # the latter ends behind the first byte of what is wrong


def handling() -> Iterator[Case]:
    """6.1 to 6.6."""
    yield echoed("6.1.1", "an empty text", text(b""))
    yield echoed("6.1.2", "three empty fragments", text(b"", b"", b""))
    yield echoed("6.1.3", "a text between two empty fragments", text(b"", HELLO, b""))
    yield echoed("6.2.1", "a valid text", text(MIXED))
    yield echoed("6.2.2", "a valid text, cut between code points", text(MIXED[:7], MIXED[7:]))
    yield echoed("6.2.3", "a valid text in fragments of one byte", text(*_octets(MIXED)))
    yield echoed("6.2.4", "another in fragments of one byte", text(*_octets(GREEK)))
    yield wrong_text("6.3.1", "an invalid text", text(GREEK + SURROGATE + b"edited"))
    yield wrong_text("6.3.2", "an invalid text in fragments of one byte", text(*_octets(GREEK + SURROGATE + b"edited")))
    yield from _unfinished()
    for number, valid in enumerate(("a", "é", "水", "🌊", "aé水🌊"), start=1):
        yield echoed(f"6.5.{number}", f"the valid text {valid}", text(valid.encode()))
    for number in range(1, len(GREEK) + 1):
        yield judged(f"6.6.{number}", f"{number} bytes of a valid text", GREEK[:number])


def _unfinished() -> Iterator[Case]:
    """What is wrong must be refused at once, though its message has not ended; the echo sees whole frames only."""
    fragments = (beginning(GREEK), middle(BEYOND_LAST))
    yield wrong_text("6.4.1", "an invalid fragment of a message that does not end", *fragments)
    fragments = (beginning(GREEK + BEYOND_LAST[:1]), middle(BEYOND_LAST[1:]))
    yield wrong_text("6.4.2", "a code point that a fragment makes invalid", *fragments)
    whole = Frame(FIN | TEXT, GREEK + BEYOND_LAST + GREEK)
    yield wrong_text("6.4.3", "an invalid code point, in pieces", whole, piece_bytes=CHOP_BYTES)
    yield wrong_text("6.4.4", "an invalid code point, cut in two", whole, piece_bytes=HALF_BYTES)


def judged(number: str, name: str, payload: bytes) -> Case:
    """A text in one frame that is echoed if it is UTF-8, by Python's own judgement, and refused if not."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return wrong_text(number, f"{name}: invalid", text(payload))
    return echoed(number, f"{name}: valid", text(payload))


def wrong_text(number: str, name: str, *sends: Sendable, piece_bytes: int = FRAMEWISE) -> Case:
    """What must be answered by 1007."""
    return closed(number, name, BAD_TEXT, *sends, piece_bytes=piece_bytes)


def _octets(payload: bytes) -> list[bytes]:
    return [bytes([octet]) for octet in payload]
