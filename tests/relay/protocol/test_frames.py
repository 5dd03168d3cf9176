import struct
from contextlib import suppress
from operator import itemgetter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode

from relay.protocol.close_codes import CloseCode
from relay.protocol.frames import FrameKind, ProtocolViolation
from tests.relay.protocol.wire import (
    MIB,
    frame,
    header,
    outcome,
    pieces,
    plain_run,
    plain_streams,
    read_all,
    scanner_of,
    scanner_of_clients,
    scanner_of_platforms,
    streams,
    violation,
)


class TestBaseFramingProtocol:
    """RFC 6455, section 5.2."""

    @pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
    def test_a_data_frame_is_a_message(self, scanner, opcode):
        wire = frame(opcode, b"hello")

        assert scanner.read(wire, 0) == len(wire)
        assert (scanner.kind, scanner.payload_bytes) == (FrameKind.MESSAGE, 5)

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, MIB])
    def test_every_form_of_length_is_understood(self, scanner, size):
        wire = frame(Opcode.BINARY, bytes(size))

        assert scanner.read(wire, 0) == len(wire)
        assert scanner.payload_bytes == size

    @pytest.mark.parametrize("size", [5, 200, 70_000])
    def test_the_payload_need_not_have_come(self, scanner, size):
        wire = frame(Opcode.BINARY, bytes(size))
        header_bytes = len(wire) - size - 4

        assert [scanner.read(wire[:have], 0) for have in range(header_bytes)] == [0] * header_bytes
        assert scanner.read(wire[:header_bytes], 0) == len(wire)

    @pytest.mark.parametrize("length", [b"\0\0", b"\0\x7d", bytes(8), bytes(6) + b"\xff\xff"], ids=bytes.hex)
    @pytest.mark.parametrize("masked", [True, False])
    def test_a_length_in_more_bytes_than_it_needs_is_refused(self, length, masked):
        scanner = scanner_of_clients() if masked else scanner_of_platforms()
        wire = header(0x82, 126 if len(length) == 2 else 127, length, masked=masked)

        assert violation(scanner, wire) == (1002, "length_not_minimal")

    @pytest.mark.parametrize("size", [1 << 63, (1 << 64) - 1])
    def test_a_length_with_its_highest_bit_set_is_refused(self, scanner, size):
        assert violation(scanner, header(0x82, 127, struct.pack("!Q", size)))[0] == CloseCode.PROTOCOL_ERROR

    @pytest.mark.parametrize("bits", [0x40, 0x20, 0x10, 0x70])
    @pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.CONT, Opcode.PING, Opcode.CLOSE])
    def test_a_reserved_bit_that_nobody_agreed_on_is_refused(self, scanner, bits, opcode):
        assert violation(scanner, header(0x80 | bits | opcode, 0)) == (1002, "reserved_bits")

    @pytest.mark.parametrize("opcode", [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF])
    def test_an_unknown_opcode_is_refused(self, scanner, opcode):
        assert violation(scanner, header(0x80 | opcode, 0)) == (1002, "unknown_opcode")


class TestMasking:
    """RFC 6455, sections 5.1 and 5.3."""

    def test_frames_of_a_platform_are_not_masked(self):
        wire = frame(Opcode.TEXT, b"hello", masked=False)

        assert scanner_of_platforms().read(wire, 0) == len(wire)

    @pytest.mark.parametrize("size", [0, 125, 126, 65_536])
    def test_a_client_that_does_not_mask_is_refused(self, scanner, size):
        assert violation(scanner, frame(Opcode.TEXT, bytes(size), masked=False)) == (1002, "frame_not_masked")

    @pytest.mark.parametrize("size", [0, 125, 126, 65_536])
    def test_a_platform_that_masks_is_refused(self, size):
        assert violation(scanner_of_platforms(), frame(Opcode.TEXT, bytes(size))) == (1002, "frame_masked")


class TestFragmentation:
    """RFC 6455, section 5.4."""

    def test_the_first_frame_is_the_message_and_the_others_are_its_fragments(self, scanner):
        fragments = (
            frame(Opcode.TEXT, b"12", fin=False) + frame(Opcode.CONT, bytes(200), fin=False) + frame(Opcode.CONT)
        )

        reads = read_all(scanner, [fragments + frame(Opcode.TEXT, b"next")])

        message, fragment = FrameKind.MESSAGE, FrameKind.FRAGMENT
        assert reads == [(message, 2), (fragment, 200), (fragment, 0), (message, 4)]

    @pytest.mark.parametrize(
        ("size", "kind"), [(0, FrameKind.CONTROL), (125, FrameKind.CONTROL), (126, FrameKind.FRAGMENT)]
    )
    def test_a_fragment_no_longer_than_a_control_frame_counts_as_one(self, scanner, size, kind):
        reads = read_all(scanner, [frame(Opcode.TEXT, fin=False) + frame(Opcode.CONT, bytes(size), fin=False)])

        assert reads[1] == (kind, size)

    def test_a_message_is_open_from_its_first_fragment_to_its_last(self, scanner):
        is_open = []
        for wire in (
            frame(Opcode.TEXT, fin=False),
            frame(Opcode.PING),
            frame(Opcode.CONT, fin=False),
            frame(Opcode.CONT),
        ):
            scanner.read(wire, 0)
            is_open.append(scanner.message_is_open)

        assert is_open == [True, True, True, False]

    def test_control_frames_may_come_in_between(self, scanner):
        reads = read_all(scanner, [frame(Opcode.TEXT, fin=False) + frame(Opcode.PING) + frame(Opcode.CONT)])

        assert [kind for kind, _ in reads] == [FrameKind.MESSAGE, FrameKind.CONTROL, FrameKind.FRAGMENT]

    @pytest.mark.parametrize("fin", [True, False])
    def test_a_message_inside_a_message_is_refused(self, scanner, fin):
        begun = frame(Opcode.TEXT, fin=False)

        assert violation(scanner, begun, frame(Opcode.BINARY, fin=fin)) == (1002, "message_inside_message")

    def test_a_continuation_of_nothing_is_refused(self, scanner):
        assert violation(scanner, frame(Opcode.CONT)) == (1002, "continuation_of_nothing")


class TestControlFrames:
    """RFC 6455, section 5.5."""

    @pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
    @pytest.mark.parametrize("size", [0, 125])
    def test_pings_and_pongs_are_control_frames(self, scanner, opcode, size):
        assert read_all(scanner, [frame(opcode, bytes(size))]) == [(FrameKind.CONTROL, size)]

    @pytest.mark.parametrize("opcode", [Opcode.CLOSE, Opcode.PING, Opcode.PONG])
    def test_a_control_frame_of_more_than_125_bytes_is_refused(self, scanner, opcode):
        wire = header(0x80 | opcode, 126, struct.pack("!H", 126))

        assert violation(scanner, wire) == (1002, "control_frame_fragmented_or_too_long")

    @pytest.mark.parametrize("opcode", [Opcode.CLOSE, Opcode.PING, Opcode.PONG])
    def test_a_control_frame_in_fragments_is_refused(self, scanner, opcode):
        assert violation(scanner, header(opcode, 0)) == (1002, "control_frame_fragmented_or_too_long")

    @pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe8" + b"x" * 123], ids=["empty", "code", "longest"])
    def test_a_close_frame_ends_a_direction(self, scanner, payload):
        assert read_all(scanner, [frame(Opcode.CLOSE, payload)]) == [(FrameKind.CLOSE, len(payload))]
        assert scanner.close_was_read

    def test_a_close_frame_with_half_a_code_is_refused(self, scanner):
        assert violation(scanner, header(0x88, 1)) == (1002, "close_frame_of_one_byte")
        assert not scanner.close_was_read

    @pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.CONT, Opcode.PING, Opcode.CLOSE])
    def test_nothing_may_follow_a_close_frame(self, scanner, opcode):
        assert violation(scanner, frame(Opcode.CLOSE), frame(opcode)) == (1002, "frame_after_close")


class TestExtensibility:
    """RFC 6455, section 5.8, and permessage-deflate (RFC 7692, section 6)."""

    @pytest.mark.parametrize("fin", [True, False])
    def test_the_first_frame_of_a_compressed_message_says_so(self, fin):
        scanner = scanner_of_clients(compressed=True)

        assert read_all(scanner, [header(0xC1 if fin else 0x41, 0)]) == [(FrameKind.MESSAGE, 0)]

    def test_a_message_may_be_uncompressed_all_the_same(self):
        assert read_all(scanner_of_clients(compressed=True), [frame(Opcode.TEXT)]) == [(FrameKind.MESSAGE, 0)]

    @pytest.mark.parametrize("opcode", [Opcode.CONT, Opcode.PING, Opcode.CLOSE])
    def test_no_other_frame_says_so(self, opcode):
        scanner = scanner_of_clients(compressed=True)
        scanner.read(frame(Opcode.TEXT, fin=False), 0)

        assert violation(scanner, header(0x80 | 0x40 | opcode, 0)) == (1002, "reserved_bits")

    @pytest.mark.parametrize("bits", [0x20, 0x10, 0x60])
    def test_the_other_reserved_bits_stay_reserved(self, bits):
        assert violation(scanner_of_clients(compressed=True), header(0x81 | bits, 0)) == (1002, "reserved_bits")


class TestSizeLimit:
    """RFC 6455, section 10.4."""

    def test_the_largest_message_passes(self):
        wire = frame(Opcode.TEXT, bytes(1000))

        assert scanner_of_clients(largest_message_bytes=1000).read(wire, 0) == len(wire)

    def test_one_byte_more_is_refused_by_its_header_alone(self):
        scanner = scanner_of_clients(largest_message_bytes=1000)

        code, reason = violation(scanner, header(0x81, 126, struct.pack("!H", 1001)))

        assert (code, reason) == (1009, "message_too_big;size_bytes=1001;limit_bytes=1000")

    def test_the_fragments_of_a_message_are_added_up(self):
        scanner = scanner_of_clients(largest_message_bytes=1000)
        read_all(scanner, [frame(Opcode.TEXT, bytes(600), fin=False), frame(Opcode.CONT, bytes(400), fin=False)])

        assert violation(scanner, frame(Opcode.CONT, b"x"))[0] == CloseCode.MESSAGE_TOO_BIG

    def test_each_message_is_added_up_anew(self):
        scanner = scanner_of_clients(largest_message_bytes=1000)
        message = frame(Opcode.TEXT, bytes(600), fin=False) + frame(Opcode.CONT, bytes(400))

        assert len(read_all(scanner, [message * 3])) == 6

    @pytest.mark.parametrize("first", [0x82, 0x02], ids=["whole", "fragment"])
    def test_the_largest_length_there_is_makes_a_reason_that_fits(self, scanner, first):
        code, reason = violation(scanner, header(first, 127, struct.pack("!Q", (1 << 63) - 1)))

        assert code == CloseCode.MESSAGE_TOO_BIG
        assert len(reason.encode()) <= 123


class TestAnyBytes:
    """Whatever comes, and however it is cut."""

    @settings(suppress_health_check=[HealthCheck.large_base_example, HealthCheck.data_too_large])
    @given(st.data(), st.booleans(), st.lists(st.integers(0, 1 << 20), max_size=20))
    def test_cutting_the_stream_anywhere_changes_nothing(self, data, masked, cuts):
        stream, expected = data.draw(streams(masked=masked))
        scanner = scanner_of(masked=masked)

        assert read_all(scanner, pieces(stream, cuts)) == expected

    @given(st.binary(max_size=300), st.booleans(), st.booleans())
    def test_nothing_is_raised_but_a_violation(self, stream, masked, compressed):
        scanner = scanner_of(masked=masked, compressed=compressed, largest_message_bytes=100)

        with suppress(ProtocolViolation):
            assert all(payload_bytes <= 125 for _, payload_bytes in read_all(scanner, [stream]))

    @given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=20))
    def test_what_is_refused_is_refused_however_it_is_cut(self, stream, cuts):
        whole, in_pieces = (outcome(scanner_of_platforms(), chunks) for chunks in ([stream], pieces(stream, cuts)))

        assert whole == in_pieces


class TestSkipping:
    """What a session does with frames that it no longer passes on: it looks for the Close frame."""

    @pytest.mark.parametrize(
        ("stream", "end"),  # the second goes on beyond what came, the third has an incomplete header
        [
            (frame(Opcode.TEXT, b"hello") + frame(Opcode.PING), 11 + 6),
            (frame(Opcode.TEXT, b"hello")[:-2], 11),
            (frame(Opcode.PING) + header(0x82, 127), 6),
        ],
        ids=["whole", "going on", "incomplete header"],
    )
    def test_frames_are_skipped_to_the_end_of_the_last(self, scanner, stream, end):
        assert scanner.skip(stream, 0) == end
        assert not scanner.close_was_read

    def test_a_close_frame_ends_it(self, scanner):
        assert scanner.skip(frame(Opcode.CLOSE) + b"garbage", 0) == len(frame(Opcode.CLOSE))
        assert scanner.close_was_read

    def test_what_cannot_be_read_is_a_violation(self, scanner):
        with pytest.raises(ProtocolViolation):
            scanner.skip(header(0x83, 0), 0)


class TestReadingRuns:
    """The quick look, which must see what the careful one sees."""

    @given(st.data(), st.booleans(), st.booleans(), st.integers(0, 8))
    def test_a_run_is_what_reading_frame_by_frame_finds_plain(self, data, masked, compressed, most):
        tail = data.draw(st.binary(max_size=300) | streams(masked=masked).map(itemgetter(0)))
        stream = data.draw(plain_streams(masked=masked)) + tail
        chunk = stream[: len(stream) - data.draw(st.integers(0, len(stream)))]
        quick, careful = (scanner_of(masked=masked, compressed=compressed, largest_message_bytes=500) for _ in "12")

        assert quick.read_run(chunk, 0, most) == plain_run(careful, chunk, most)

    @pytest.mark.parametrize("before", [frame(Opcode.TEXT, fin=False), frame(Opcode.CLOSE)], ids=["text", "close"])
    def test_inside_a_message_and_behind_a_close_frame_there_is_no_run(self, scanner, before):
        scanner.read(before, 0)

        assert scanner.read_run(frame(Opcode.TEXT), 0, 1) == (0, 0)
