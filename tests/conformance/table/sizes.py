"""Groups 9 and 10: messages up to 16 MiB and beyond, in fragments and in pieces, and a thousand in a row."""

from collections.abc import Iterator

from tests.conformance.bulk import NOISE, TEXTS, Bulk, Content
from tests.conformance.case import TOGETHER, TOO_BIG, Case
from tests.conformance.table.words import REFUSED_BY_HEADER, closed, echoed

KIB, MIB = 1024, 1024 * 1024
WHOLE_BYTES = (64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB)
FRAGMENT_BYTES = tuple(64 * 4**power for power in range(9))  # to 4 MiB
PIECE_BYTES = tuple(64 * 2**power for power in range(6))  # to 2 KiB
SMALL_BYTES = (0, 16, 64, 256, 1024, 4096)
KINDS: tuple[tuple[int, Content], ...] = ((1, TEXTS), (2, NOISE))


def sizes() -> Iterator[Case]:
    """Group 9; 9.9 is ours: one byte more than the largest that the echo takes."""
    for kind, content in KINDS:
        for number, size_bytes in enumerate(WHOLE_BYTES, start=1):
            yield _echoed(f"9.{kind}.{number}", Bulk(content, size_bytes))
        for number, fragment_bytes in enumerate(FRAGMENT_BYTES, start=1):
            yield _echoed(f"9.{kind + 2}.{number}", Bulk(content, 4 * MIB, fragment_bytes=fragment_bytes))
        for number, piece_bytes in enumerate(PIECE_BYTES, start=1):
            yield _echoed(f"9.{kind + 4}.{number}", Bulk(content, MIB), piece_bytes)
        for number, size_bytes in enumerate(SMALL_BYTES, start=1):
            yield _echoed(f"9.{kind + 6}.{number}", Bulk(content, size_bytes, count=1000))
    for number, fragment_bytes in enumerate((0, MIB), start=1):
        yield _too_big(f"9.9.{number}", Bulk(NOISE, 16 * MIB + 1, fragment_bytes=fragment_bytes))


def autofragmentation() -> Iterator[Case]:
    """Group 10."""
    yield _echoed("10.1.1", Bulk(TEXTS, 64 * KIB, fragment_bytes=1300))


def _echoed(number: str, bulk: Bulk, piece_bytes: int = TOGETHER) -> Case:
    return echoed(number, _name(bulk, piece_bytes), bulk, piece_bytes=piece_bytes, pause_seconds=0)


def _too_big(number: str, bulk: Bulk) -> Case:
    name = _name(bulk, TOGETHER)
    return closed(number, name, TOO_BIG, bulk, may_differ=REFUSED_BY_HEADER, pause_seconds=0)


def _name(bulk: Bulk, piece_bytes: int) -> str:
    times = f"{bulk.count} times " if bulk.count > 1 else ""
    how = f" in fragments of {bulk.fragment_bytes}" if bulk.fragment_bytes else ""
    how += f" in pieces of {piece_bytes}" if piece_bytes != TOGETHER else ""
    return f"{times}{bulk.content.name} of {bulk.size_bytes} bytes{how}"
