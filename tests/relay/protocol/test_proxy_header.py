import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.protocol.proxy_header import (
    LARGEST_PROXY_DATA_BYTES,
    LONGEST_PROXY_LINE_BYTES,
    ProxyHeader,
    ProxyHeaderInvalid,
    read_proxy_header,
)
from tests.relay.protocol.proxies import (
    CLIENT,
    IPV4_DATA,
    IPV6_DATA,
    LINE,
    LOCAL,
    PROXY,
    SENT_BY_HAPROXY,
    SIGNATURE,
    TCP4,
    TCP6,
    THE_SOCKETS_OWN,
    TLVS,
    UDP4,
    UDP6,
    UNIX_DATA,
    UNIX_DATAGRAM,
    UNIX_STREAM,
    UNSPECIFIED,
    attempts,
    binary,
    headers,
    outcome,
)


class TestAsHAProxyWritesIt:
    """What another implementation sent, and the first byte of its client."""

    @pytest.mark.parametrize(("sent", "header"), SENT_BY_HAPROXY.values(), ids=SENT_BY_HAPROXY)
    def test_it_is_understood_and_nothing_behind_it_is_taken(self, sent, header):
        assert read_proxy_header(sent + b"X") == (header, len(sent))


class TestSignature:
    """Section 2: the receiver must not guess whether a header is there."""

    @pytest.mark.parametrize("whole", [LINE, binary(IPV4_DATA)], ids=["line", "binary"])
    def test_as_long_as_it_may_become_a_header_nothing_is_said(self, whole):
        assert [read_proxy_header(whole[:have]) for have in range(len(whole))] == [None] * len(whole)

    @pytest.mark.parametrize(
        ("begun", "shows_at"),
        [
            (b"GET / HTTP/1.1\r\n", 1),
            (b"POST / HTTP/1.1\r\n", 2),
            (b"PRI * HTTP/2.0\r\n", 3),
            (b"PROPFIND / HTTP/1.1\r\n", 4),
            (b"PROXYTCP4", 6),
            (b"\x16\x03\x01", 1),
            (b"proxy ", 1),
            (b"\r\nGET", 3),
            (b"\r\n\r\n\0\r\nQUIT\r", 12),
        ],
    )
    def test_what_is_none_is_refused_by_the_first_byte_that_shows_it(self, begun, shows_at):
        assert read_proxy_header(begun[: shows_at - 1]) is None
        with pytest.raises(ProxyHeaderInvalid, match="does not begin with a PROXY protocol header"):
            read_proxy_header(begun[:shows_at])


class TestVersion1:
    """Section 2.1."""

    def test_a_line_tells_the_client(self):
        assert read_proxy_header(LINE + b"GET / HTTP/1.1") == (CLIENT, len(LINE))

    @pytest.mark.parametrize(
        ("written", "canonical"),
        [
            (b"2001:DB8:0:0:0:0:0:9", "2001:db8::9"),
            (b"2001:0db8::0009", "2001:db8::9"),
            (b"::ffff:203.0.113.9", "203.0.113.9"),
            (b"::ffff:cb00:7109", "203.0.113.9"),
            (b"::", "::"),
        ],
    )
    def test_an_ipv6_address_is_told_in_its_canonical_form(self, written, canonical):
        header, _ = read_proxy_header(b"PROXY TCP6 %b ::1 1 2\r\n" % written)

        assert header.address == canonical

    @pytest.mark.parametrize(
        "rest", [b"", b" ", b" ffff::1 ffff::2 65535 65535", b" \xff\0\n\r anything", b" " + b"x" * 91]
    )
    def test_where_the_client_is_unknown_the_rest_of_the_line_means_nothing(self, rest):
        line = b"PROXY UNKNOWN" + rest + b"\r\n"

        assert read_proxy_header(line + b"GET") == (THE_SOCKETS_OWN, len(line))

    @pytest.mark.parametrize("port", [0, 1, 65_535])
    def test_every_port_is_one(self, port):
        header, _ = read_proxy_header(b"PROXY TCP4 203.0.113.9 192.0.2.1 %d 0\r\n" % port)

        assert header.port == port

    @pytest.mark.parametrize("port", [b"", b"01", b"00", b"+1", b"-1", b"1.0", b"65536", b"99999", b"100000", b"0x1"])
    @pytest.mark.parametrize("place", [b"%b 443", b"56324 %b"], ids=["source", "destination"])
    def test_another_port_is_refused(self, place, port):
        with pytest.raises(ProxyHeaderInvalid, match="port"):
            read_proxy_header(b"PROXY TCP4 203.0.113.9 192.0.2.1 " + place % port + b"\r\n")

    @pytest.mark.parametrize(
        ("family", "address"),
        [
            (b"4", b"2001:db8::9"),
            (b"4", b"::ffff:203.0.113.9"),
            (b"4", b"203.0.113"),
            (b"4", b"203.0.113.256"),
            (b"4", b"203.0.113.09"),
            (b"4", b"203.0.113.9."),
            (b"6", b"203.0.113.9"),
            (b"6", b"2001:db8::9::1"),
            (b"6", b"2001:db8::12345"),
            (b"6", b":"),
        ],
    )
    @pytest.mark.parametrize("is_source", [True, False], ids=["source", "destination"])
    def test_an_address_that_is_none_of_the_family_is_refused(self, family, address, is_source):
        other = b"192.0.2.1" if family == b"4" else b"::1"
        pair = (address, other) if is_source else (other, address)

        with pytest.raises(ProxyHeaderInvalid, match="an address of the PROXY line is none of TCP" + family.decode()):
            read_proxy_header(b"PROXY TCP%b %b %b 1 2\r\n" % (family, *pair))

    @pytest.mark.parametrize(
        "line",
        [
            b"PROXY TCP5 203.0.113.9 192.0.2.1 1 2",
            b"PROXY UDP4 203.0.113.9 192.0.2.1 1 2",
            b"PROXY tcp4 203.0.113.9 192.0.2.1 1 2",
            b"PROXY  TCP4 203.0.113.9 192.0.2.1 1 2",
            b"PROXY TCP4  203.0.113.9 192.0.2.1 1 2",
            b"PROXY TCP4\t203.0.113.9 192.0.2.1 1 2",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 1",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2 ",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2 3",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\n",
            b"PROXY TCP6 fe80::1%eth0 ::1 1 2",
            b"PROXY UNKNOWNS",
            b"PROXY ",
        ],
    )
    def test_any_other_line_is_refused(self, line):
        with pytest.raises(ProxyHeaderInvalid, match="two addresses and two ports, or UNKNOWN"):
            read_proxy_header(line + b"\r\n")

    @pytest.mark.parametrize("end", [b"\n", b"\r", b"\n\r"])
    def test_half_an_end_of_a_line_is_none(self, end):
        assert read_proxy_header(LINE[:-2] + end) is None
        with pytest.raises(ProxyHeaderInvalid):
            read_proxy_header(LINE[:-2] + end + b"GET / HTTP/1.1\r\n")

    def test_a_line_of_107_bytes_passes_and_one_byte_more_does_not(self):
        longest = b"PROXY UNKNOWN ".ljust(LONGEST_PROXY_LINE_BYTES - 2, b"f")

        assert read_proxy_header(longest + b"\r\n") == (THE_SOCKETS_OWN, 107)
        with pytest.raises(ProxyHeaderInvalid, match="more than 107 bytes"):
            read_proxy_header(longest + b"f\r\n")

    def test_what_is_too_long_is_refused_before_it_ends(self):
        begun = b"PROXY UNKNOWN ".ljust(LONGEST_PROXY_LINE_BYTES, b"f")

        assert read_proxy_header(begun[:-1]) is None
        with pytest.raises(ProxyHeaderInvalid, match="more than 107 bytes"):
            read_proxy_header(begun)


class TestVersion2:
    """Section 2.2."""

    @pytest.mark.parametrize("form", [TCP4, UDP4])
    def test_ipv4_tells_the_client(self, form):
        assert read_proxy_header(binary(IPV4_DATA, form=form) + b"GET") == (CLIENT, 28)

    @pytest.mark.parametrize("form", [TCP6, UDP6])
    def test_ipv6_tells_the_client(self, form):
        header = ProxyHeader("2001:db8::9", 56324)

        assert read_proxy_header(binary(IPV6_DATA, form=form) + b"GET") == (header, 52)

    def test_ipv4_mapped_into_ipv6_is_told_as_ipv4(self):
        header, _ = read_proxy_header(binary(bytes(10) + b"\xff\xff\xcb\0\x71\x09" + IPV6_DATA[16:], form=TCP6))

        assert header == CLIENT

    @pytest.mark.parametrize(
        ("form", "data"),
        [
            (UNSPECIFIED, b""),
            (UNSPECIFIED, b"whatever"),
            (UNIX_STREAM, UNIX_DATA),
            (UNIX_DATAGRAM, UNIX_DATA),
            (0x10, IPV4_DATA),
            (0x20, IPV6_DATA),
            (0x30, UNIX_DATA),
            (0x01, b""),
            (0x02, b""),
        ],
    )
    def test_where_family_or_transport_tell_no_address_the_sockets_own_counts(self, form, data):
        assert read_proxy_header(binary(data, form=form) + b"GET") == (THE_SOCKETS_OWN, 16 + len(data))

    @pytest.mark.parametrize("form", [UNSPECIFIED, TCP4, TCP6, UNIX_STREAM, 0xFF])
    @pytest.mark.parametrize("data", [b"", IPV4_DATA, TLVS])
    def test_a_proxy_that_speaks_for_itself_may_announce_anything(self, form, data):
        header = binary(data, command=LOCAL, form=form)

        assert read_proxy_header(header + b"GET") == (THE_SOCKETS_OWN, len(header))

    @pytest.mark.parametrize(("form", "data"), [(TCP4, IPV4_DATA), (TCP6, IPV6_DATA), (UNIX_STREAM, UNIX_DATA)])
    def test_fields_behind_the_addresses_are_skipped(self, form, data):
        with_fields = binary(data + TLVS, form=form)

        assert read_proxy_header(with_fields + b"GET") == (
            read_proxy_header(binary(data, form=form))[0],
            len(with_fields),
        )

    @pytest.mark.parametrize(("form", "data"), [(TCP4, IPV4_DATA), (TCP6, IPV6_DATA), (UNIX_STREAM, UNIX_DATA)])
    def test_a_length_that_does_not_hold_the_addresses_is_refused_before_they_come(self, form, data):
        with pytest.raises(ProxyHeaderInvalid, match="too few for its addresses"):
            read_proxy_header(binary(data[:-1], form=form)[:16])

    @pytest.mark.parametrize("command", [LOCAL, PROXY])
    def test_4_kib_of_data_pass_and_one_byte_more_is_refused_before_it_comes(self, command):
        data = IPV4_DATA.ljust(LARGEST_PROXY_DATA_BYTES, b"\0")

        assert read_proxy_header(binary(data, command=command))[1] == 16 + 4096
        with pytest.raises(ProxyHeaderInvalid, match="4,097 bytes, 4,096 at most"):
            read_proxy_header(binary(data + b"\0", command=command)[:16])

    @pytest.mark.parametrize("version", [0, 1, 3, 15])
    @pytest.mark.parametrize("command", [0, 1, 7])
    def test_another_version_is_refused(self, version, command):
        with pytest.raises(ProxyHeaderInvalid, match=f"version {version} "):
            read_proxy_header(binary(IPV4_DATA, command=version << 4 | command))

    @pytest.mark.parametrize("command", [2, 3, 15])
    def test_another_command_is_refused(self, command):
        with pytest.raises(ProxyHeaderInvalid, match=f"command {command} "):
            read_proxy_header(binary(IPV4_DATA, command=0x20 | command))

    @pytest.mark.parametrize("form", [0x41, 0xF0, 0x13, 0x2F, 0x03, 0xFF])
    def test_another_family_or_transport_is_refused(self, form):
        with pytest.raises(ProxyHeaderInvalid, match=r"family \d+ or transport \d+ "):
            read_proxy_header(binary(UNIX_DATA, form=form))


class TestAnyBytes:
    """Whatever comes, and however it is cut."""

    @given(headers(), st.binary(max_size=20))
    def test_what_a_proxy_writes_is_read_and_what_follows_is_left(self, header, following):
        written, meant = header

        assert read_proxy_header(written + following) == (meant, len(written))

    @given(headers().map(lambda header: header[0]) | st.binary(max_size=60), st.binary(max_size=150))
    def test_the_first_answer_is_the_answer_whatever_comes_behind_it(self, begun, following):
        stream = begun + following
        answers = [outcome(stream[:have]) for have in range(len(stream) + 1)]

        first = next((at for at, answer in enumerate(answers) if answer is not None), len(answers))
        assert set(answers[first:]) <= {answers[-1]}

    @given(attempts())
    def test_nothing_else_is_raised_and_no_more_is_taken_than_came(self, received):
        with suppress(ProxyHeaderInvalid):
            answer = read_proxy_header(received)
            assert answer is None or 15 <= answer[1] <= len(received)

    @given(st.binary(max_size=LARGEST_PROXY_DATA_BYTES), st.integers(0, 65_535))
    def test_it_waits_for_no_more_than_the_largest_header(self, data, announced):
        received = (SIGNATURE + struct.pack("!BBH", PROXY, TCP4, announced) + data).ljust(16 + 4096, b"\0")

        assert outcome(received) is not None
