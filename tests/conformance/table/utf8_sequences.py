"""Group 6, second part: the edges of UTF-8 (RFC 3629), one text each, made by an encoder that knows no limits."""

from collections.abc import Iterable, Iterator

from tests.conformance.case import Case
from tests.conformance.table.utf8 import judged

LARGEST = {1: 0x7F, 2: 0x7FF, 3: 0xFFFF, 4: 0x1F_FFFF, 5: 0x3FF_FFFF, 6: 0x7FFF_FFFF}  # by length in bytes
SMALLEST = {1: 0} | {length: LARGEST[length - 1] + 1 for length in range(2, 7)}
LAST_CODE_POINT = 0x10_FFFF
HIGH_SURROGATES, LOW_SURROGATES = (0xD800, 0xDB7F, 0xDB80, 0xDBFF), (0xDC00, 0xDF80, 0xDFFF)
CONTINUATIONS = bytes(range(0x80, 0xC0))
LEADS = {2: range(0xC0, 0xE0), 3: range(0xE0, 0xF0), 4: range(0xF0, 0xF8), 5: range(0xF8, 0xFC), 6: range(0xFC, 0xFE)}


def sequences() -> Iterator[Case]:
    """6.7 to 6.23."""
    yield from _rows("6.7", "the first of its length", (spread(SMALLEST[length], length) for length in range(1, 5)))
    yield from _rows("6.8", "the first of its length", (spread(SMALLEST[length], length) for length in (5, 6)))
    last = {**LARGEST, 4: LAST_CODE_POINT}
    yield from _rows("6.9", "the last of its length", (spread(last[length], length) for length in range(1, 5)))
    yield from _rows("6.10", "the last of its length", (spread(LARGEST[length], length) for length in (4, 5, 6)))
    edges = (0xD7FF, 0xE000, 0xFFFD, LAST_CODE_POINT, LAST_CODE_POINT + 1)
    yield from _rows("6.11", "an edge", map(_shortest, edges))
    yield from _rows("6.12", "continuation bytes alone", _lone_continuations())
    leads = (b"".join(bytes([lead, 0x20]) for lead in LEADS[length]) for length in range(2, 7))
    yield from _rows("6.13", "first bytes alone", leads)
    cut = [spread(ends[length], length)[:-1] for ends in (dict.fromkeys(LARGEST, 0), LARGEST) for length in range(2, 7)]
    yield from _rows("6.14", "the last byte is missing", cut)
    yield from _rows("6.15", "all of these", [b"".join(cut)])
    yield from _rows("6.16", "bytes that never occur", (b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"))
    yield from _rows("6.17", "an overlong slash", (spread(ord("/"), length) for length in range(2, 7)))
    longest = (spread(LARGEST[length - 1], length) for length in range(2, 7))
    yield from _rows("6.18", "the last overlong of its length", longest)
    yield from _rows("6.19", "an overlong zero", (spread(0, length) for length in range(2, 7)))
    yield from _rows("6.20", "half a surrogate pair", map(_shortest, (*HIGH_SURROGATES, *LOW_SURROGATES)))
    pairs = (_shortest(high) + _shortest(low) for high in HIGH_SURROGATES for low in (0xDC00, 0xDFFF))
    yield from _rows("6.21", "a surrogate pair", pairs)
    noncharacters = (plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF))
    yield from _rows("6.22", "a noncharacter", map(_shortest, noncharacters))
    yield from _rows("6.23", "a special", map(_shortest, range(0xFFF9, 0x1_0000)))


def spread(number: int, length: int) -> bytes:
    """``number`` over so many bytes, as UTF-8 would be if it went on to six, were it overlong or not."""
    if length == 1:
        return bytes([number])
    bits = [number >> 6 * place & 0x3F for place in range(length - 1)]
    lead = (0xFF00 >> length) & 0xFF | number >> 6 * (length - 1)
    return bytes([lead, *(0x80 | six for six in reversed(bits))])


def _shortest(code_point: int) -> bytes:
    return spread(code_point, next(length for length, largest in LARGEST.items() if code_point <= largest))


def _lone_continuations() -> Iterator[bytes]:
    yield from (b"\x80", b"\xbf")
    yield from (b"\x80\xbf" * (count // 2) + b"\x80" * (count % 2) for count in range(2, 7))
    yield CONTINUATIONS


def _rows(subgroup: str, what: str, payloads: Iterable[bytes]) -> Iterator[Case]:
    for number, payload in enumerate(payloads, start=1):
        shown = payload[:8].hex(" ") + (" and on" if len(payload) > 8 else "")
        yield judged(f"{subgroup}.{number}", f"{what}, {shown}", payload)
