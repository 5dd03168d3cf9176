"""PROXY protocol headers as a proxy writes them, and what is nearly one."""

import struct
from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

from relay.protocol.proxy_header import ProxyHeader, ProxyHeaderInvalid, read_proxy_header

LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
UNSPECIFIED, TCP4, UDP4, TCP6, UDP6, UNIX_STREAM, UNIX_DATAGRAM = 0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32
IPV4_DATA = bytes([203, 0, 113, 9, 192, 0, 2, 1]) + struct.pack("!HH", 56324, 443)
IPV6_DATA = IPv6Address("2001:db8::9").packed + IPv6Address("2001:db8::1").packed + struct.pack("!HH", 56324, 443)
UNIX_DATA = bytes(216)
TLVS = b"\x05\x00\x03abc" + b"\x04\x00\x00"
CLIENT = ProxyHeader("203.0.113.9", 56324)
THE_SOCKETS_OWN = ProxyHeader()
PORTS = st.integers(0, 65_535)
SENT_BY_HAPROXY = {  # version 2.6, byte for byte
    "line": (b"PROXY TCP4 127.0.0.1 127.0.0.1 57488 18101\r\n", ProxyHeader("127.0.0.1", 57488)),
    "line, IPv6": (b"PROXY TCP6 ::1 ::1 56646 18103\r\n", ProxyHeader("::1", 56646)),
    "line, IPv4 mapped into IPv6": (
        b"PROXY TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.1 38270 18105\r\n",
        ProxyHeader("127.0.0.1", 38270),
    ),
    "binary": (SIGNATURE + b"!\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\xd82F\xb6", ProxyHeader("127.0.0.1", 55346)),
    "binary, IPv4 mapped into IPv6": (
        SIGNATURE + b"!!\0$" + (bytes(10) + b"\xff\xff\x7f\0\0\x01") * 2 + b"\xcc0F\xba",
        ProxyHeader("127.0.0.1", 52272),
    ),
    "binary, IPv6, with CRC32C and UNIQUE_ID": (
        SIGNATURE + b"!!\x007" + IPv6Address("::1").packed * 2 + b"\xae\x90F\xb8"
        b"\x03\0\x04\xdc\x87L\x02\x05\0\t::1-44688",
        ProxyHeader("::1", 44688),
    ),
    "binary, a check of its own": (SIGNATURE + b" \0\0\0", THE_SOCKETS_OWN),
}


def binary(data: bytes = b"", *, command: int = PROXY, form: int = TCP4) -> bytes:
    """A header of version 2."""
    return SIGNATURE + struct.pack("!BBH", command, form, len(data)) + data


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, ProxyHeader]:
    """A header as a proxy writes it, in either version, and what it means."""
    source, destination = draw(st.tuples(*[st.ip_addresses(v=draw(st.sampled_from([4, 6])))] * 2))
    source_port, destination_port = draw(PORTS), draw(PORTS)
    is_ipv4 = isinstance(source, IPv4Address)
    told = source if is_ipv4 else source.ipv4_mapped or source
    if draw(st.booleans()):
        words = f"PROXY TCP{source.version} {source} {destination} {source_port} {destination_port}\r\n"
        return words.encode(), ProxyHeader(str(told), source_port)
    data = source.packed + destination.packed + struct.pack("!HH", source_port, destination_port)
    form = draw(st.sampled_from([TCP4, UDP4] if is_ipv4 else [TCP6, UDP6]))
    return binary(data + draw(st.binary(max_size=50)), form=form), ProxyHeader(str(told), source_port)


@st.composite
def attempts(draw: st.DrawFn) -> bytes:
    """What is nearly a header: begun as one, or with one byte changed."""
    if draw(st.booleans()):
        written = bytearray(draw(headers())[0])
        written[draw(st.integers(0, len(written) - 1))] = draw(st.integers(0, 255))
        return bytes(written)
    begun = draw(st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ::1 ", b"PROXY UNKNOWN", SIGNATURE]))
    words = st.text("0123456789abcdefTCPUNKOW:. \r\n", max_size=150).map(str.encode)
    return begun + draw(words | st.binary(max_size=150))


def outcome(received: bytes) -> tuple[ProxyHeader, int] | str | None:
    """What was read, or why it was refused, or none yet."""
    try:
        return read_proxy_header(received)
    except ProxyHeaderInvalid as invalid:
        return str(invalid)
