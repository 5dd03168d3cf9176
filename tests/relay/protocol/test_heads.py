from contextlib import suppress
from http import HTTPStatus

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.protocol import heads
from relay.protocol.heads import (
    FirstLineTooLong,
    HeadInvalid,
    HeadReader,
    HeadTooLarge,
    decoded_path,
    in_origin_form,
    parsed_answer,
    parsed_request,
    refuse_ambiguous,
)

GET = b"GET /v2/websocket/crm?a=1 HTTP/1.1\r\nHost: relay\r\nX-Note:  two words \r\n"
NAMES = st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}", fullmatch=True)
VALUES = st.from_regex(r"([!-~]([ -~]{0,20}[!-~])?)?", fullmatch=True)


class TestReading:
    """Bytes come in pieces; a head ends at its first empty line."""

    def test_a_head_and_what_follows_it(self):
        assert HeadReader().feed(GET + b"\r\nrest") == (GET[:-2], b"rest")

    @given(st.lists(st.integers(0, len(GET) + 2), max_size=10))
    def test_it_may_come_in_any_pieces(self, cuts):
        stream, reader, at = GET + b"\r\n", HeadReader(), 0
        for cut in sorted({cut for cut in cuts if 0 < cut < len(stream)}):
            assert reader.feed(stream[at:cut]) is None
            at = cut

        assert reader.feed(stream[at:]) == (GET[:-2], b"")
        assert reader.received == stream

    @pytest.mark.parametrize("first", [b"\x16\x03\x01", b"\n", b"\0", b" GET"])
    def test_what_does_not_begin_as_http_does_is_refused_by_its_first_byte(self, first):
        with pytest.raises(HeadInvalid, match="TLS"):
            HeadReader().feed(first[:1])

    def test_a_method_in_small_letters_is_told_so(self):
        with pytest.raises(HeadInvalid, match="capital letter"):
            HeadReader().feed(b"g")

    @pytest.mark.parametrize("lines", [1, 2, 30_000])
    def test_empty_lines_before_it_are_passed_over(self, lines):
        assert HeadReader().feed(b"\r\n" * lines + GET + b"\r\n") == (GET[:-2], b"")

    def test_half_an_empty_line_is_waited_for(self):
        reader = HeadReader()

        assert reader.feed(b"\r") is None
        assert reader.feed(b"\n" + GET) is None
        assert reader.feed(b"\r\n") == (GET[:-2], b"")

    def test_an_empty_line_is_nothing_that_came(self):
        reader = HeadReader()
        reader.feed(b"\r\n")

        assert not reader.received

    def test_nothing_is_judged_before_anything_came(self):
        assert HeadReader().feed(b"") is None

    def test_a_first_line_of_8_kib_passes_and_one_byte_more_does_not(self):
        line = b"GET /".ljust(heads.LONGEST_FIRST_LINE_BYTES, b"a")

        assert HeadReader().feed(line + b"\r\n\r\n") == (line, b"")
        with pytest.raises(FirstLineTooLong):
            HeadReader().feed(line + b"a\r\n\r\n")

    def test_a_head_of_64_kib_passes_and_one_byte_more_does_not(self):
        head = GET + b"X-Long: ".ljust(heads.LARGEST_HEAD_BYTES - len(GET), b"a")

        assert HeadReader().feed(head + b"\r\n\r\n") == (head, b"")
        with pytest.raises(HeadTooLarge):
            HeadReader().feed(head + b"a\r\n\r\n")

    @pytest.mark.parametrize(("begun", "error"), [(b"GET /", FirstLineTooLong), (GET + b"X-Long: ", HeadTooLarge)])
    def test_what_is_too_long_is_refused_before_it_ends(self, begun, error):
        reader = HeadReader()
        reader.feed(begun)

        with pytest.raises(error):
            fill(reader)


class TestParsing:
    """RFC 9112, sections 3 to 5."""

    def test_a_request(self):
        head = parsed_request(GET[:-2])

        assert head.first == (b"GET", b"/v2/websocket/crm?a=1", b"1.1")
        assert head.headers == [(b"host", b"relay"), (b"x-note", b"two words")]

    @pytest.mark.parametrize(
        ("target", "path", "host"),
        [
            (b"/a?b", b"/a?b", b"relay"),
            (b"http://other:8001/v2/websocket/crm?a=1", b"/v2/websocket/crm?a=1", b"other:8001"),
            (b"WSS://other", b"/", b"other"),
            (b"ws://[::1]:8001?a=http://x/", b"/?a=http://x/", b"[::1]:8001"),
        ],
    )
    def test_a_target_may_name_the_host_which_then_counts(self, target, path, host):
        request = in_origin_form(parsed_request(b"GET %s HTTP/1.1\r\nHost: relay\r\nX: 1" % target))

        assert request.first == (b"GET", path, b"1.1")
        assert request.headers == [(b"host", host), (b"x", b"1")]

    @pytest.mark.parametrize("target", [b"*", b"relay:443", b"ftp://relay/", b"http:///a", b"http://me@relay/", b"a"])
    def test_any_other_target_is_refused(self, target):
        with pytest.raises(HeadInvalid, match="target"):
            in_origin_form(parsed_request(b"GET %s HTTP/1.1" % target))

    @pytest.mark.parametrize(
        ("path", "decoded"),
        [(b"/a/b", "/a/b"), (b"/%61/%2fb", "/a/%2fb"), (b"/a%2Fb%252F", "/a%2Fb%2F"), (b"//", "//")],
    )
    def test_an_encoded_slash_divides_no_segments(self, path, decoded):
        assert decoded_path(path).lower() == decoded.lower()

    @pytest.mark.parametrize("line", [b"HTTP/1.1 429 Too Many Requests", b"HTTP/1.1 429 ", b"HTTP/1.1 429"])
    def test_the_reason_of_an_answer_may_be_missing(self, line):
        assert parsed_answer(line + b"\r\nRetry-After: 7").first == (b"1.1", b"429")

    @pytest.mark.parametrize(
        "line",
        [
            b"GET /",
            b"GET  / HTTP/1.1",
            b"GET / HTTP/2",
            b"get / HTTP/1.1",
            b"GET /\xc3\xa9 HTTP/1.1",
            b"GET / HTTP/1.1 ",
        ],
    )
    def test_any_other_request_line_is_refused(self, line):
        with pytest.raises(HeadInvalid, match="request line"):
            parsed_request(line)

    @pytest.mark.parametrize(
        "line", [b"SSH-2.0", b"HTTP/0.9 200 OK", b"HTTP/1.1 999 No", b"HTTP/1.1 20 OK", b"HTTP/1.1"]
    )
    def test_any_other_status_line_is_refused(self, line):
        with pytest.raises(HeadInvalid, match="status line"):
            parsed_answer(line)

    @pytest.mark.parametrize("line", [b"no colon", b": no name", b"a b: 1", b"a : 1", b" folded: 1", b"\xe9: 1", b""])
    def test_a_header_without_a_proper_name_is_refused(self, line):
        with pytest.raises(HeadInvalid, match="name"):
            parsed_request(b"GET / HTTP/1.1\r\n" + line)

    @pytest.mark.parametrize("character", [b"\0", b"\r", b"\n", b"\x1b", b"\x7f"])
    def test_a_control_character_in_a_value_is_refused(self, character):
        with pytest.raises(HeadInvalid, match="control"):
            parsed_request(b"GET / HTTP/1.1\r\nX-Odd: a" + character + b"b")

    def test_a_tab_in_a_value_is_none(self):
        assert parsed_request(b"GET / HTTP/1.1\r\nX-Odd: a\tb").headers == [(b"x-odd", b"a\tb")]

    def test_128_headers_pass_and_one_more_does_not(self):
        lines = b"GET / HTTP/1.1" + b"\r\nX: 1" * heads.MOST_HEADERS

        assert len(parsed_request(lines).headers) == heads.MOST_HEADERS
        with pytest.raises(HeadTooLarge, match="129 headers"):
            parsed_request(lines + b"\r\nX: 1")

    def test_a_list_is_read_over_all_its_headers_without_regard_to_case(self):
        head = parsed_request(b"GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nconnection: TE")

        assert head.values(b"connection") == [b"keep-alive, Upgrade", b"TE"]
        assert head.words(b"connection") == {b"keep-alive", b"upgrade", b"te"}

    @given(st.binary(max_size=200))
    def test_nothing_else_is_raised_whatever_comes(self, head):
        for parse in (parsed_request, parsed_answer):
            with suppress(HeadInvalid):
                assert parse(head).first


class TestAmbiguity:
    """RFC 9112, sections 3.2, 6.1 and 6.3: no two readers may find another end of a request, or another header."""

    @pytest.mark.parametrize(
        "headers",
        [
            b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            b"Content-Length: 3\r\nContent-Length: 3\r\n",
            b"Content-Length: 3, 3\r\n",
            b"Content-Length: +3\r\n",
            b"Content-Length:\r\n",
            b"Content-Length: 11111111111111111111\r\n",
            b"Transfer-Encoding: gzip\r\n",
            b"Transfer-Encoding: chunked, chunked\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            b"Content-Type: a/b\r\ncontent-type: c/d\r\n",
            b"Authorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n",
            b"Host: other\r\n",
        ],
    )
    def test_a_request_that_can_be_understood_in_two_ways_is_refused(self, headers):
        with pytest.raises(HeadInvalid):
            refuse_ambiguous(parsed_request(GET + headers.rstrip()))

    @pytest.mark.parametrize("host", [b"a b", b"a/b", b"a,b:1:2", b"[::1", b"[::g]", b"a:b", b"\xc3\xa9", b"me@relay"])
    def test_a_host_that_can_be_none_is_refused(self, host):
        with pytest.raises(HeadInvalid, match="Host"):
            refuse_ambiguous(parsed_request(b"GET / HTTP/1.1\r\nHost: " + host))

    @pytest.mark.parametrize(
        "host", [b"", b"relay", b"relay:8001", b"[fd00::5]:8331", b"[::]", b"a_b.example.", b"relay:"]
    )
    def test_any_other_host_passes(self, host):
        refuse_ambiguous(parsed_request(b"GET / HTTP/1.1\r\nHost: " + host))

    def test_host_may_be_missing_in_http_1_0_alone(self):
        refuse_ambiguous(parsed_request(b"GET / HTTP/1.0"))
        with pytest.raises(HeadInvalid, match="Host is missing"):
            refuse_ambiguous(parsed_request(b"GET / HTTP/1.1"))

    def test_no_tunnel_is_made(self):
        with pytest.raises(HeadInvalid, match="tunnel"):
            in_origin_form(parsed_request(b"CONNECT /oauth/token HTTP/1.1"))

    def test_chunks_in_http_1_0_are_refused(self):
        with pytest.raises(HeadInvalid):
            refuse_ambiguous(parsed_request(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked"))

    @pytest.mark.parametrize(
        "headers", [b"X-Note: again", b"Content-Length: 3", b"Transfer-Encoding: Chunked", b"Content-Type: a/b"]
    )
    def test_a_plain_request_is_not_refused(self, headers):
        refuse_ambiguous(parsed_request(GET + headers))

    @given(st.lists(st.sampled_from([b"3", b"4", b"+3", b"3, 3"]), max_size=2), st.booleans())
    def test_what_is_not_refused_has_one_length_for_h11_too(self, lengths, is_chunked):
        lines = [b"Content-Length: " + length for length in lengths] + [b"Transfer-Encoding: chunked"] * is_chunked
        head = b"\r\n".join([b"POST / HTTP/1.1", b"Host: relay", *lines])
        with suppress(HeadInvalid):
            refuse_ambiguous(parsed_request(head))
            names = [name for name, _ in _read(h11.SERVER, head + b"\r\n\r\n").headers]
            assert (len(names), len(lines) <= 1) == (1 + len(lines), True)


class TestWriting:
    """What is written is read by another implementation, h11."""

    @given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
    def test_a_request_is_read_as_it_was_meant(self, headers):
        meant = [(name.encode(), value.encode()) for name, value in [("Host", "h"), *headers] if not _is_framing(name)]

        event = _read(h11.SERVER, heads.written_request(b"GET", b"/a?b", meant))

        assert (event.method, event.target) == (b"GET", b"/a?b")
        assert list(event.headers) == [(name.lower(), value) for name, value in meant]

    @pytest.mark.parametrize("status", [101, 400, 429, 503])
    def test_an_answer_is_read_as_it_was_meant(self, status):
        written = heads.written_answer(status, [(b"content-length", b"2")], b"no")

        head, _, body = written.partition(b"\r\n\r\n")
        assert parsed_answer(head).first == (b"1.1", b"%d" % status)
        assert HTTPStatus(status).phrase.encode() in head
        assert body == b"no"


def fill(reader):
    """Feed 70 KiB without an end of a line."""
    for _ in range(70):
        assert reader.feed(b"a" * 1024) is None


def _is_framing(name):
    return name.lower() in ("transfer-encoding", "content-length", "host") and name != "Host"


def _read(role, data):
    connection = h11.Connection(role)
    connection.receive_data(data)
    return connection.next_event()
