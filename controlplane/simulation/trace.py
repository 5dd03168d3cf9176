"""Reads recorded traffic: one JSON object a line, plain or gzip, from a file or standard input."""

import gzip
import sys
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Annotated

import msgspec

from relay.simulation.events import ConnectionName, Event, Kind
from relay.throttle.policy import SECOND_NS, Direction

GZIP_MAGIC = b"\x1f\x8b"
BEGIN_NS = SECOND_NS  # the virtual time of what a trace has at 0. Shares of a limit are worked out anew each 250 ms,
# so times are left where they are: a trace with Unix times meets the same moments as the relay did.
LATEST_SECONDS = 10_000_000_000  # the year 2286; times in milliseconds lie beyond
LARGEST_BYTES = 1 << 40
EXAMPLE = 'A line is such as {"at": 0.5, "client": "crm-sync", "bytes": 120}.'


class TraceFault(ValueError):
    """A trace that can't be read on; the text says where and what to do."""


class TraceLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One line. ``at`` is in seconds, from any beginning; a connection is one client's on one channel."""

    at: Annotated[float, msgspec.Meta(ge=0, le=LATEST_SECONDS)]
    client: str = "client"
    connection: int | str = 1
    channel: str = "channel"
    bytes: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_BYTES)] = 0
    kind: Kind = Kind.MESSAGE
    direction: Direction = Direction.TO_PLATFORM


@contextmanager
def open_trace(path: str) -> Iterator[BufferedReader]:
    """The bytes of a trace; ``-`` is standard input.

    Raises:
        TraceFault: there is no such file, or it can't be opened.
    """
    try:
        file = open(sys.stdin.fileno() if path == "-" else path, "rb", closefd=path != "-")  # noqa: SIM115
    except OSError as error:
        raise TraceFault(f"{path}: {error.strerror}. Name a file of JSON lines, or - for standard input.") from error
    with file:
        yield file


def read_trace(raw: BufferedReader) -> Iterator[Event]:
    """The events of a trace, read as they are asked for.

    Raises:
        TraceFault: a line is wrong, lies before the one above it, or can't be unpacked.
    """
    decoder = msgspec.json.Decoder(TraceLine)
    latest = -1.0
    for number, text in _lines(raw):
        try:
            line = decoder.decode(text)
        except msgspec.DecodeError as error:
            raise TraceFault(f"Line {number}: {_in_words(error)} {EXAMPLE}") from error
        if line.at < latest:
            sentence = f"Line {number}: at is {line.at:.6f}, but the line before has {latest:.6f}."
            raise TraceFault(f"{sentence} Sort the trace by time.")
        latest = line.at
        name = ConnectionName(line.client, line.channel, str(line.connection))
        yield Event(BEGIN_NS + round(latest * SECOND_NS), name, line.bytes, line.kind, line.direction)
    if latest < 0:
        raise TraceFault(f"The trace has no event. {EXAMPLE}")


def _lines(raw: BufferedReader) -> Iterator[tuple[int, bytes]]:
    """Each line that is not empty, with its number."""
    number = 0
    try:
        is_packed = raw.peek(2)[:2] == GZIP_MAGIC
        for number, text in enumerate(gzip.GzipFile(fileobj=raw) if is_packed else raw, 1):
            line = text.removeprefix(BOM_UTF8) if number == 1 else text
            if line.strip():
                yield number, line
    except (EOFError, OSError, zlib.error) as error:
        sentence = f"Line {number + 1}: the trace can't be read on: {error}."
        raise TraceFault(f"{sentence} If it was compressed, compress it again.") from error


def _in_words(error: msgspec.DecodeError) -> str:
    return f"{str(error).replace('$.', '').replace('$', 'the line').replace('`', '')}."
