"""Frames from bytes: however the bytes are split, the same frames come out."""

import pytest
from floodgate_simulator.sockets.frames import FrameReader, frame_header
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

FRAMES = st.lists(
    st.tuples(st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.PING]), st.integers(0, 125) | st.just(300)),
    max_size=6,
).map(lambda parts: [Frame(opcode, b"x" * min(size, 125 if opcode is Opcode.PING else size)) for opcode, size in parts])


@given(FRAMES, st.lists(st.integers(0, 2_000), max_size=10).map(sorted))
def test_splitting_the_bytes_anywhere_changes_nothing(frames, cuts):
    sent = b"".join(frame.serialize(mask=True) for frame in frames)
    reader = FrameReader(max_bytes=1000)

    read = []
    for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        read += reader.feed(sent[begin:end]) if begin < end else []

    assert read == [(0x80 | frame.opcode, frame.data) for frame in frames]


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_no_bytes_raise(first, second):
    reader = FrameReader(max_bytes=50)

    reader.feed(first)
    reader.feed(second)


@pytest.mark.parametrize("size", [50, 51])
def test_a_frame_is_refused_by_what_its_header_announces(size):
    reader = FrameReader(max_bytes=200)

    reader.feed(b"\x82\xfe" + (size + 150).to_bytes(2) + bytes(4))

    assert (reader.violation is not None) == (size > 50)


def test_after_a_violation_nothing_is_read():
    reader = FrameReader(max_bytes=100)
    reader.feed(b"\x81\x00")

    assert reader.feed(Frame(Opcode.TEXT, b"x").serialize(mask=True)) == []


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_header_is_what_rfc_6455_says(size):
    payload = bytes(size)

    assert frame_header(0x82, size) + payload == Frame(Opcode.BINARY, payload).serialize(mask=False)
