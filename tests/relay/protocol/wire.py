"""Frames as another implementation writes them, websockets' own, and a reader that walks them as a session does."""

from itertools import pairwise

import pytest
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from relay.protocol.close_codes import CloseCode
from relay.protocol.frames import FrameKind, FrameScanner, ProtocolViolation

MIB = 1024 * 1024
MOST_FRAGMENTS = 256
Read = tuple[FrameKind, int]  # what a frame is to a limiter, and its payload's length


def frame(opcode: Opcode, payload: bytes = b"", *, fin: bool = True, masked: bool = True) -> bytes:
    """One frame."""
    return Frame(opcode, payload, fin=fin).serialize(mask=masked)


@st.composite
def messages(draw: st.DrawFn, *, masked: bool) -> tuple[bytes, list[Read]]:
    """A message in one frame or more, with control frames in between, and what a scanner should read."""
    opcode, wire, reads = draw(st.sampled_from([Opcode.TEXT, Opcode.BINARY])), b"", []
    fragments = draw(st.lists(st.integers(0, 300) | st.integers(65_530, 65_540), min_size=1, max_size=4))
    for number, size in enumerate(fragments):
        for ping in draw(st.lists(st.integers(0, 125), max_size=2)):
            wire += frame(draw(st.sampled_from([Opcode.PING, Opcode.PONG])), bytes(ping), masked=masked)
            reads.append((FrameKind.CONTROL, ping))
        is_last = number == len(fragments) - 1
        further = FrameKind.CONTROL if size <= 125 and not is_last else FrameKind.FRAGMENT
        wire += frame(opcode, bytes(size), fin=is_last, masked=masked)
        reads.append((further if number else FrameKind.MESSAGE, size))
        opcode = Opcode.CONT
    return wire, reads


@st.composite
def streams(draw: st.DrawFn, *, masked: bool) -> tuple[bytes, list[Read]]:
    """All that one endpoint sends, its Close frame at the end."""
    parts = draw(st.lists(messages(masked=masked), max_size=5))
    wire = b"".join(part for part, _ in parts) + frame(Opcode.CLOSE, b"\x03\xe8", masked=masked)
    return wire, [read for _, reads in parts for read in reads] + [(FrameKind.CLOSE, 2)]


def plain_streams(*, masked: bool) -> st.SearchStrategy[bytes]:
    """Messages of one frame, one behind the other; about half of them are long enough for a length of two bytes."""
    sizes = st.lists(st.integers(0, 130) | st.integers(0, 600), max_size=8)
    return sizes.map(lambda each: b"".join(frame(Opcode.BINARY, bytes(size), masked=masked) for size in each))


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """``stream`` as a network brings it: cut anywhere."""
    at = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[begin:end] for begin, end in pairwise(at)]


def read_all(scanner: FrameScanner, chunks: list[bytes]) -> list[Read]:
    """Walk a stream as a session does: keep what is left of a header, pass on what is left of a frame."""
    reads, left, passing = [], b"", 0
    for chunk in chunks:
        if passing >= len(chunk):
            passing -= len(chunk)
            continue
        held, at = left + chunk[passing:], 0
        left, passing = b"", 0
        while at < len(held):
            length = scanner.read(held, at)
            if not length:
                left = held[at:]
                break
            reads.append((scanner.kind, scanner.payload_bytes))
            at += length
        passing = max(0, at - len(held))
    return reads


def plain_run(scanner: FrameScanner, chunk: bytes, most: int) -> tuple[int, int]:
    """What ``read_run`` must find, read frame by frame: messages of one frame and less than 64 KiB."""
    count = at = 0
    while count < most and len(chunk) - at >= 4:
        try:
            length = scanner.read(chunk, at)
        except ProtocolViolation:
            break
        is_plain = scanner.kind is FrameKind.MESSAGE and not scanner.message_is_open and scanner.payload_bytes < 65_536
        if not (length and is_plain):
            break
        count, at = count + 1, at + length
    return count, at


def scanner_of(
    *, masked: bool, compressed: bool = False, largest_message_bytes: int = MIB, most_fragments: int = MOST_FRAGMENTS
) -> FrameScanner:
    """A scanner with the usual bounds."""
    return FrameScanner(
        masked=masked,
        compressed=compressed,
        largest_message_bytes=largest_message_bytes,
        most_fragments=most_fragments,
    )


def scanner_of_clients(*, compressed: bool = False, largest_message_bytes: int = MIB) -> FrameScanner:
    """A scanner of what a client sends."""
    return scanner_of(masked=True, compressed=compressed, largest_message_bytes=largest_message_bytes)


def scanner_of_platforms() -> FrameScanner:
    """A scanner of what a platform sends."""
    return scanner_of(masked=False)


def header(first: int, length_code: int, extended: bytes = b"", *, masked: bool = True) -> bytes:
    """A header that websockets would not write."""
    return bytes([first, (0x80 if masked else 0) | length_code]) + extended


def violation(scanner: FrameScanner, *frames: bytes) -> tuple[CloseCode, str]:
    """The code and reason for which one of ``frames`` is refused."""
    with pytest.raises(ProtocolViolation) as violated:
        read_all(scanner, [b"".join(frames)])
    return violated.value.code, violated.value.reason


def outcome(scanner: FrameScanner, chunks: list[bytes]) -> list[Read] | tuple[CloseCode, str]:
    """What was read, or why it was refused."""
    try:
        return read_all(scanner, chunks)
    except ProtocolViolation as violated:
        return violated.code, violated.reason


def parsed(wire: bytes, *, masked: bool) -> bytes:
    """The payload of the one frame in ``wire``, as websockets reads it."""
    reader = StreamReader()
    reader.feed_data(wire)
    parser = Frame.parse(reader.read_exact, mask=masked)
    with pytest.raises(StopIteration) as done:
        next(parser)
    payload: bytes = done.value.value.data
    return payload
