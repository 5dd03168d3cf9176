"""The PROXY protocol, versions 1 and 2, as a receiver: a balancer tells whose connection it passes on.

The specification is HAProxy's proxy-protocol.txt. Whoever may speak it can claim any address, so it belongs where
only proxies can connect; and there nobody enters without a header, since guessing whether there is one is no safer.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from struct import Struct

from relay.protocol.forwarded import unmapped

LONGEST_PROXY_LINE_BYTES = 107  # of version 1, with its end: the specification's own figure
LARGEST_PROXY_DATA_BYTES = 4 * 1024  # of version 2, behind its first 16: addresses, and much about a TLS connection
LINE_START, LINE_END = b"PROXY ", b"\r\n"
LINE = re.compile(
    rb"PROXY (?:TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})|UNKNOWN(?: .*)?)",
    re.DOTALL,  # behind UNKNOWN there may be anything
)
LARGEST_PORT = 65_535
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FIXED_PART = Struct("!12sBBH")
VERSION, LOCAL, PROXY = 2, 0, 1
INET, INET6 = 1, 2
LEAST_DATA_BYTES = (0, 12, 36, 216)  # two addresses and their ports, by family: unspecified, INET, INET6, UNIX
UNSPECIFIED, STREAM, DATAGRAM = 0, 1, 2
INET_SOURCE, INET6_SOURCE = Struct("!4s4xH"), Struct("!16s16xH")


class ProxyHeaderInvalid(ValueError):
    """What came is no header of the PROXY protocol; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """Where a connection comes from.

    Attributes:
        address: the client's, in its canonical form, IPv4 where it is mapped into IPv6. Empty where the proxy speaks
            for itself or can't tell: then the socket's own address counts.
        port: the client's, 0 without an address.
    """

    address: str = ""
    port: int = 0


def read_proxy_header(received: bytes) -> tuple[ProxyHeader, int] | None:
    """Read the header that ``received`` begins with, of either version.

    Returns:
        The header and its length in bytes, behind which the client's own begin; or none while it is not complete,
        which takes ``16 + LARGEST_PROXY_DATA_BYTES`` at the most.

    Raises:
        ProxyHeaderInvalid: there is none, by the first byte that shows it, or it is not as the specification says.
    """
    if received.startswith(LINE_START):
        return _read_line(received)
    if received.startswith(SIGNATURE):
        return _read_binary(received)
    if LINE_START.startswith(received) or SIGNATURE.startswith(received):
        return None
    raise ProxyHeaderInvalid("it does not begin with a PROXY protocol header, which this port asks for")


def _read_line(received: bytes) -> tuple[ProxyHeader, int] | None:
    """Read version 1 (section 2.1)."""
    end = received.find(LINE_END, 0, LONGEST_PROXY_LINE_BYTES)
    if end < 0:
        if len(received) < LONGEST_PROXY_LINE_BYTES:
            return None
        raise ProxyHeaderInvalid(f"the PROXY line has more than {LONGEST_PROXY_LINE_BYTES} bytes")
    line = LINE.fullmatch(received, 0, end)
    if line is None:
        raise ProxyHeaderInvalid("the PROXY line is not TCP4 or TCP6, two addresses and two ports, or UNKNOWN")
    family, source, destination, source_port, destination_port = line.groups(b"")
    header = ProxyHeader()
    if family:
        if max(int(source_port), int(destination_port)) > LARGEST_PORT:
            raise ProxyHeaderInvalid(f"a port of the PROXY line is greater than {LARGEST_PORT}")
        address, _ = (_line_address(family, text.decode()) for text in (source, destination))
        header = ProxyHeader(address, int(source_port))
    return header, end + len(LINE_END)


def _line_address(family: bytes, text: str) -> str:
    try:
        return str(IPv4Address(text) if family == b"4" else unmapped(IPv6Address(text)))
    except ValueError as error:
        raise ProxyHeaderInvalid(f"an address of the PROXY line is none of TCP{family.decode()}") from error


def _read_binary(received: bytes) -> tuple[ProxyHeader, int] | None:
    """Read version 2 (section 2.2). What its type-length-value fields say is of no use here."""
    if len(received) < FIXED_PART.size:
        return None
    _, version_and_command, family_and_transport, data_bytes = FIXED_PART.unpack_from(received)
    version, command = divmod(version_and_command, 16)
    family, transport = divmod(family_and_transport, 16)
    _refuse_unknown(version, command, data_bytes)
    if command == PROXY:
        _refuse_unfit(family, transport, data_bytes)
    end = FIXED_PART.size + data_bytes
    if len(received) < end:
        return None
    if command == LOCAL or transport == UNSPECIFIED:
        return ProxyHeader(), end
    return _source(family, received), end


def _refuse_unknown(version: int, command: int, data_bytes: int) -> None:
    if version != VERSION:
        raise ProxyHeaderInvalid(f"version {version} of the PROXY protocol is not known in its binary form")
    if command not in (LOCAL, PROXY):
        raise ProxyHeaderInvalid(f"command {command} of the PROXY protocol is not known")
    if data_bytes > LARGEST_PROXY_DATA_BYTES:
        raise ProxyHeaderInvalid(
            f"the PROXY header announces {data_bytes:,} bytes, {LARGEST_PROXY_DATA_BYTES:,} at most"
        )


def _refuse_unfit(family: int, transport: int, data_bytes: int) -> None:
    if family >= len(LEAST_DATA_BYTES) or transport > DATAGRAM:
        raise ProxyHeaderInvalid(f"family {family} or transport {transport} of the PROXY protocol is not known")
    if data_bytes < LEAST_DATA_BYTES[family]:
        raise ProxyHeaderInvalid(f"the PROXY header announces {data_bytes} bytes, too few for its addresses")


def _source(family: int, received: bytes) -> ProxyHeader:
    if family == INET:
        packed, port = INET_SOURCE.unpack_from(received, FIXED_PART.size)
        return ProxyHeader(str(IPv4Address(packed)), port)
    if family == INET6:
        packed, port = INET6_SOURCE.unpack_from(received, FIXED_PART.size)
        return ProxyHeader(str(unmapped(IPv6Address(packed))), port)
    return ProxyHeader()
