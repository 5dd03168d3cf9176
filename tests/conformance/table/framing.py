"""Groups 1 and 2: messages of each kind of length, pings and pongs (RFC 6455, sections 5.2, 5.5.2, 5.5.3, 5.6)."""

from collections.abc import Iterator

from tests.conformance.case import OCTETS, TOGETHER, Case
from tests.conformance.table.words import HELLO, IN_PIECES, binary, echoed, ping, pong, refused, text

SIZES_BYTES = (0, 125, 126, 127, 128, 65_535, 65_536)  # around each way to tell a length
CHOP_BYTES = 997
LARGEST_CONTROL_BYTES = 125
NOT_TEXT = bytes([0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF])
FULL = bytes([0xFE]) * LARGEST_CONTROL_BYTES


def framing() -> Iterator[Case]:
    """Group 1."""
    for subgroup, kind, unit, message in (("1.1", "text", b"*", text), ("1.2", "binary", b"\xfe", binary)):
        for number, size_bytes in enumerate(SIZES_BYTES, start=1):
            yield echoed(f"{subgroup}.{number}", f"{kind} of {size_bytes} bytes", message(unit * size_bytes))
        largest = message(unit * SIZES_BYTES[-1])
        yield echoed(f"{subgroup}.8", f"{kind} of {SIZES_BYTES[-1]} bytes, in pieces", largest, piece_bytes=CHOP_BYTES)


def pings() -> Iterator[Case]:
    """Group 2."""
    yield _answered("2.1", "an empty ping", b"")
    yield _answered("2.2", "a ping with a text", HELLO)
    yield _answered("2.3", "a ping with bytes that are no text", NOT_TEXT)
    yield _answered("2.4", "a ping of 125 bytes", FULL)
    yield refused("2.5", "a ping of 126 bytes", ping(FULL + b"\xfe"))
    yield _answered("2.6", "a ping of 125 bytes", FULL, piece_bytes=OCTETS)
    yield Case("2.7", "a pong that nobody asked for", (pong(),))
    yield Case("2.8", "the same with a payload", (pong(HELLO),))
    yield Case("2.9", "the same, and a ping", (pong(HELLO), ping(NOT_TEXT)), pongs=(NOT_TEXT,))
    ten = [b"payload %d" % number for number in range(10)]
    yield _answered("2.10", "ten pings", *ten)
    yield _answered("2.11", "ten pings", *ten, piece_bytes=OCTETS)


def _answered(number: str, name: str, *payloads: bytes, piece_bytes: int = TOGETHER) -> Case:
    sends = tuple(ping(payload) for payload in payloads)
    return Case(number, name + IN_PIECES[piece_bytes], sends, pongs=payloads, piece_bytes=piece_bytes)
