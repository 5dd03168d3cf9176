"""Whose request is it? The client's address, told by headers as far as trusted proxies vouch for it (RFC 7239).

A proxy adds at the right end of a list what it saw itself; all that stands further left came from outside, and may be
made up. So a list is read from its right end, and only on as long as the one who wrote an entry is trusted.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import islice

MOST_FORWARDED_HOPS = 16  # longer than any chain of proxies; what is further left is not looked at
LONGEST_FORWARDED_ELEMENT = 1024  # characters: 64 KiB of parameters would take 30 ms, in which nobody else is served
IPV6_SUBSCRIBER_BITS = 64  # one subscriber has this many addresses
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
PORT = r"(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?"
IPV6 = r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,40}"
NODE = re.compile(rf'("?)(?:\[(?P<bracketed>{IPV6})\]{PORT}|(?P<ipv4>[0-9.]{{7,15}}){PORT}|(?P<bare>{IPV6}))\1')
# Ports and brackets belong into quotes (RFC 7239, section 6), but not every proxy knows.
PAIR = re.compile(r'[\t ]*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=([^\s",;=\\]+|"[^"\\]*(?:\\.[^"\\]*)*")[\t ]*(?:;|\Z)')


def client_address(
    peer: str, forwarded_for: Sequence[str], forwarded: Sequence[str], trusted: Sequence[Network]
) -> str:
    """Who really asks: the last address that no trusted proxy has.

    If both headers are there, they must lead to the same address; else neither counts. A proxy that writes one of them
    often passes the other on as it came, so whichever were preferred could be made up.

    Args:
        peer: the other end of the socket; of a Unix socket it is empty, and comes back as it is.
        forwarded_for: the values of all X-Forwarded-For headers, in their order.
        forwarded: the values of all Forwarded headers, in their order.
        trusted: the networks of our own proxies. IPv4 addresses are compared as such, however they are written.

    Returns:
        An address in its canonical form, IPv4 where it is mapped into IPv6. Where an entry is missing, hidden or no
        address, or there are more than ``MOST_FORWARDED_HOPS``: the last proxy that could be told.
    """
    address = _parsed(peer)
    if address is None:
        return peer
    if not _is_trusted(address, trusted):
        return str(address)
    told = {
        _last_told(address, islice(_entries(values), MOST_FORWARDED_HOPS), read, trusted)
        for values, read in ((forwarded_for, str), (forwarded, _for_parameter))
        if values
    }
    return str(told.pop() if len(told) == 1 else address)


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Tell whether the other end of a socket is one of our own proxies."""
    address = _parsed(peer)
    return address is not None and _is_trusted(address, trusted)


def subscriber(address: str) -> str:
    """What a limit of one address counts together: an IPv4 address, an IPv6 subscriber's network, or "unknown"."""
    parsed = _parsed(address)
    if parsed is None:
        return "unknown"  # all that can't be told apart shares one zone
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(IPv6Network((int(parsed), IPV6_SUBSCRIBER_BITS), strict=False).network_address)


def unmapped(address: Address) -> Address:
    """The IPv4 address, where one is mapped into IPv6 (RFC 4291, section 2.5.5.2): both are the same host."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _last_told(
    proxy: Address, entries: Iterator[str], read: Callable[[str], str], trusted: Sequence[Network]
) -> Address:
    told = proxy
    for entry in entries:
        address = _node_address(read(entry))
        if address is None:
            break
        told = address
        if not _is_trusted(told, trusted):
            break
    return told


def _entries(values: Sequence[str]) -> Iterator[str]:
    """The entries of a list from the right.

    A comma inside quotes divides too. No address has one, and its piece has one quotation mark too many to be read.
    """
    for value in reversed(values):
        yield from (entry.strip("\t ") for entry in reversed(value.rsplit(",", MOST_FORWARDED_HOPS)))


def _for_parameter(element: str) -> str:
    """The node that one element of Forwarded names (RFC 7239, section 4); empty if none, several, or not readable."""
    if len(element) > LONGEST_FORWARDED_ELEMENT:
        return ""
    at, nodes = 0, []
    while at < len(element):
        pair = PAIR.match(element, at)
        if pair is None:
            return ""
        if pair[1].lower() == "for":
            nodes.append(pair[2])
        at = pair.end()
    return nodes[0] if len(nodes) == 1 else ""


def _node_address(node: str) -> Address | None:
    """An address with or without a port, brackets and quotes."""
    matched = NODE.fullmatch(node)
    return _parsed(matched["bracketed"] or matched["ipv4"] or matched["bare"]) if matched else None


def _parsed(text: str) -> Address | None:
    try:
        return unmapped(ip_address(text))
    except ValueError:
        return None


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
