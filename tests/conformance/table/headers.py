"""Groups 3, 4 and 8: reserved bits, unknown opcodes, and what is wrong with masks and lengths (RFC 6455, section 5.2).

The Autobahn suite has no group 8. It is ours, for what the relay reads of a header besides.
"""

from collections.abc import Iterator

from tests.conformance.case import OCTETS, PROTOCOL_ERROR, TOO_BIG, Case, Difference, Frame, Octets
from tests.conformance.table.words import (
    HELLO,
    IN_PIECES,
    REFUSED_BY_HEADER,
    WORLD,
    closed,
    echoed,
    ping,
    refused,
    text,
)
from tests.conformance.wire import BINARY, CLOSE, FIN, PING, RSV1, RSV2, RSV3, TEXT, wire_frame

BEHIND_A_TEXT_BITS = (RSV2, RSV2 | RSV3, RSV1)
NOT_MINIMAL_BYTES = ((125, 2), (125, 8), (65_535, 8))  # a length, and in how many bytes it is told
BYTE_BY_BYTE_BYTES, FRAGMENTS_BYTES = (0, 125, 126, 127), ((125, 126), (65_535, 65_536))
TOP_BIT_BYTES, HUGE_BYTES = 1 << 63, 1 << 40


def reserved_bits() -> Iterator[Case]:
    """Group 3; on connections without an extension."""
    yield refused("3.1", "a text with RSV3", Frame(FIN | RSV3 | TEXT, HELLO))
    for number, (piece_bytes, bits) in enumerate(zip(IN_PIECES, BEHIND_A_TEXT_BITS, strict=True), start=2):
        yield _behind_a_text(f"3.{number}", "a reserved bit", Frame(FIN | bits | TEXT, HELLO), piece_bytes)
    yield refused("3.5", "a binary message with RSV1 and RSV3", Frame(FIN | RSV1 | RSV3 | BINARY, HELLO))
    yield refused("3.6", "a ping with RSV1 and RSV2", Frame(FIN | RSV1 | RSV2 | PING, HELLO))
    yield refused("3.7", "a Close with all reserved bits", Frame(FIN | RSV1 | RSV2 | RSV3 | CLOSE, b"\x03\xe8"))


def opcodes() -> Iterator[Case]:
    """Group 4."""
    for subgroup, kind, first in (("4.1", "data", 0x3), ("4.2", "control", 0xB)):
        yield refused(f"{subgroup}.1", f"the {kind} opcode {first}", Frame(FIN | first))
        yield refused(f"{subgroup}.2", f"the {kind} opcode {first + 1}", Frame(FIN | first + 1, HELLO))
        for opcode, piece_bytes in enumerate(IN_PIECES, start=first + 2):
            number = f"{subgroup}.{opcode - first + 1}"
            yield _behind_a_text(number, f"the {kind} opcode {opcode}", Frame(FIN | opcode, HELLO), piece_bytes)


def masks_and_lengths() -> Iterator[Case]:
    """Group 8."""
    for number, size_bytes in enumerate((5, 126, 65_536), start=1):
        octets = Octets(wire_frame(FIN | TEXT, b"*" * size_bytes, masked=False))
        yield refused(f"8.1.{number}", f"{size_bytes} bytes that are not masked", octets)
    for number, (size_bytes, length_bytes) in enumerate(NOT_MINIMAL_BYTES, start=1):
        yield _not_minimal(f"8.2.{number}", size_bytes, length_bytes)
    yield closed("8.3.1", f"a length of {HUGE_BYTES}", TOO_BIG, _announced(HUGE_BYTES), may_differ=REFUSED_BY_HEADER)
    fields = {"relayed_closes_with": PROTOCOL_ERROR, "may_differ": REFUSED_BY_HEADER | {Difference.CODE}}
    yield closed("8.3.2", f"a length of {TOP_BIT_BYTES}", TOO_BIG, _announced(TOP_BIT_BYTES), **fields)
    for number, size_bytes in enumerate(BYTE_BY_BYTE_BYTES, start=1):
        message = text(b"*" * size_bytes)
        yield echoed(f"8.4.{number}", f"{size_bytes} bytes, byte by byte", message, piece_bytes=OCTETS)
    for number, sizes in enumerate(FRAGMENTS_BYTES, start=len(BYTE_BY_BYTE_BYTES) + 1):
        message = text(*(b"*" * size_bytes for size_bytes in sizes))
        yield echoed(f"8.4.{number}", f"fragments of {' and '.join(map(str, sizes))} bytes", message)


def _behind_a_text(number: str, name: str, wrong: Frame, piece_bytes: int) -> Case:
    """A good text, what is wrong, and a ping that nobody may answer any more."""
    good, how = text(WORLD), IN_PIECES[piece_bytes]
    return refused(number, f"{name} behind a text{how}", good, wrong, ping(), messages=(good,), piece_bytes=piece_bytes)


def _not_minimal(number: str, size_bytes: int, length_bytes: int) -> Case:
    payload = b"*" * size_bytes
    return Case(
        number,
        f"a length of {size_bytes} told by {length_bytes} bytes",
        (Octets(wire_frame(FIN | TEXT, payload, length_bytes=length_bytes)),),
        (text(payload),),
        may_differ=frozenset(Difference),
        relayed_closes_with=PROTOCOL_ERROR,
    )


def _announced(size_bytes: int) -> Octets:
    """A header that tells this length, and nothing behind it."""
    return Octets(bytes([FIN | TEXT, 0xFF]) + size_bytes.to_bytes(8) + bytes(4))
