"""Where a platform may be: which URLs may be written, how a host may be spelled, which IP addresses it may have.

Tenants write these URLs, and a relay stands inside a network. Without rules, a URL would open it to them (SSRF).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_HOST = 253  # characters (RFC 1035, section 2.3.4, as text)
LARGEST_PORT = 65_535
SECURE_PORT, PLAIN_PORT = 443, 80
NAMED_PRIVATE = "FLOODGATE_PRIVATE_PLATFORM_HOSTS"

# What is no public host's (IANA's special-purpose registries, RFC 6890), and what each network is.
REFUSED_NETWORKS: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), meaning)
    for network, meaning in {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared behind a carrier's NAT",
        "127.0.0.0/8": "the relay's own machine",
        "169.254.0.0/16": "link-local, where clouds keep their metadata",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "for protocols",
        "192.0.2.0/24": "for documentation",
        "192.88.99.0/24": "6to4 relays",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "for benchmarks",
        "198.51.100.0/24": "for documentation",
        "203.0.113.0/24": "for documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved, or broadcast",
        "::/128": "no address",
        "::1/128": "the relay's own machine",
        "64:ff9b:1::/48": "a network's own translation to IPv4",
        "100::/64": "thrown away",
        "2001::/23": "for protocols, such as Teredo",
        "2001:db8::/32": "for documentation",
        "2002::/16": "6to4",
        "3fff::/20": "for documentation",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }.items()
)
MAPPED, TRANSLATED = IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96")  # they lead to the IPv4 address inside
GLOBAL_UNICAST = IPv6Network("2000::/3")  # all of IPv6 that is given out
IPV4_BITS = 0xFFFF_FFFF

URL = re.compile(r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#]*)[^#]*(?P<fragment>#.*)?", re.IGNORECASE | re.DOTALL)
AUTHORITY = re.compile(r"(?P<host>\[[^\[\]@]*\]|[^\[\]:@]+)(?::(?P<port>[0-9]{1,5}))?")
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")
NUMBER_AT_THE_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")  # a resolver would take the whole for IPv4


class AddressRefused(ValueError):
    """A platform may not be there; the message is a sentence that says why, and shows no more than the host."""


class Schemes(NamedTuple):
    """A protocol's scheme with TLS, and without."""

    secure: str
    plain: str


HTTP, WEBSOCKET = Schemes("https", "http"), Schemes("wss", "ws")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a URL leads: the host in the one spelling that ``canonical_host`` gives, and the port."""

    host: str
    port: int
    is_secure: bool
    is_address: bool  # the host is an IP address, and needs no looking up

    def __str__(self) -> str:
        """Host and port, as logs tell them."""
        return netloc(self.host, self.port)

    @property
    def host_header(self) -> str:
        """Host and port as a request names them, without the usual port (RFC 9110, section 7.2)."""
        return bracketed(self.host) if self.port == _usual_port(is_secure=self.is_secure) else str(self)


def netloc(host: str, port: int) -> str:
    """Host and port as a URL has them (RFC 3986, section 3.2.2)."""
    return f"{bracketed(host)}:{port}"


def bracketed(host: str) -> str:
    """A host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=1024)
def why_refused(address: str) -> str:
    """Why no platform may have an IP address, such as "private (10.0.0.0/8)"; empty if it may."""
    try:
        told = ip_address(address)
    except ValueError:
        return "no IP address"
    judged = _reached(told)
    prefix = "" if judged is told else f"it leads to {judged}, "
    for network, meaning in REFUSED_NETWORKS:
        if judged in network:
            return f"{prefix}{meaning} ({network})"
    if isinstance(judged, IPv6Address) and judged not in GLOBAL_UNICAST:
        return f"given out to nobody (only {GLOBAL_UNICAST} is)"
    return ""


def _reached(address: Address) -> Address:
    """The IPv4 address that the kernel, or a translator of the network (RFC 6052), makes of an IPv6 one."""
    if isinstance(address, IPv6Address) and (address in MAPPED or address in TRANSLATED):
        return IPv4Address(int(address) & IPV4_BITS)
    return address


def canonical_host(host: str) -> str:
    """A host in the one spelling that is passed on: small letters, IP addresses as usual, IPv6 without brackets.

    Every other spelling of an IPv4 address is refused (``127.1``, ``0x7f.1``, ``017700000001``, ``2130706433``), and
    so are letters, digits and full stops beyond ASCII: libraries read them in different ways.

    Raises:
        AddressRefused: it is no host, or spelled in another way.
    """
    return str(_address_in(host) or _name_in(host))


def _address_in(host: str) -> Address | None:
    """The IP address that a host is; none where it is a name."""
    try:
        if ":" in host and "%" not in host:  # no zone: a zone is of one machine
            return IPv6Address(host.removeprefix("[").removesuffix("]"))
        return IPv4Address(host) if NUMBER_AT_THE_END.fullmatch(host.lower()) else None
    except ValueError as error:
        raise AddressRefused("An IP address must be written as 192.0.2.1 or as [2001:db8::1].") from error


def _name_in(host: str) -> str:
    if len(host) > LONGEST_HOST or not host.isascii() or not NAME.fullmatch(host.lower()):
        raise AddressRefused(
            "A host must be an IP address or a name of a-z, 0-9, - and _, with single dots between its parts and none"
            " at its end. Other letters are written in Punycode (xn--...)."
        )
    return host.lower()


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What one installation allows.

    Attributes:
        ports: where platforms may listen.
        private_hosts: canonical hosts that are taken as they are: private, without TLS, on any port.
    """

    ports: Collection[int] = (SECURE_PORT,)
    private_hosts: Collection[str] = ()

    def endpoint(self, url: str, schemes: Schemes) -> Endpoint:
        """Where a URL leads, if it may lead there. What a name resolves to is judged by ``judge``.

        Raises:
            AddressRefused: its form, scheme, host or port is not allowed.
        """
        endpoint = _endpoint_of(url, schemes)
        if endpoint.host not in self.private_hosts:
            self._refuse_unusual(endpoint, schemes)
        return endpoint

    def judge(self, host: str, addresses: Iterable[str]) -> None:
        """Check every IP address that a host was resolved to.

        Raises:
            AddressRefused: one of them is not allowed.
        """
        if host in self.private_hosts:
            return
        for address in addresses:
            why = why_refused(address)
            if why:
                subject = host if address == host else f"{host} resolves to {address}, which"
                raise AddressRefused(f"{subject} is refused: {why}. {_exception(host)}")

    def _refuse_unusual(self, endpoint: Endpoint, schemes: Schemes) -> None:
        if not endpoint.is_secure:
            raise AddressRefused(f"The address must begin with {schemes.secure}://. {_exception(endpoint.host)}")
        if endpoint.port not in self.ports:
            ports = " or ".join(str(port) for port in sorted(self.ports))
            raise AddressRefused(f"The port must be {ports}. FLOODGATE_PLATFORM_PORTS lists what is allowed.")
        if endpoint.is_address:
            self.judge(endpoint.host, (endpoint.host,))


def origin(url: str, schemes: Schemes) -> str:
    """Scheme, host and port of a URL in one spelling, such as ``https://host``; whether it may be used is not judged.

    Raises:
        AddressRefused: it is no address.
    """
    endpoint = _endpoint_of(url, schemes)
    return f"{schemes.secure if endpoint.is_secure else schemes.plain}://{endpoint.host_header}"


def _endpoint_of(url: str, schemes: Schemes) -> Endpoint:
    parts = URL.fullmatch(url)
    scheme = parts["scheme"].lower() if parts else ""
    if parts is None or scheme not in schemes:
        raise AddressRefused(f"The address must begin with {schemes.secure}:// and a host.")
    if parts["fragment"]:
        raise AddressRefused("The address must not contain #.")
    if "@" in parts["authority"]:
        raise AddressRefused("The address must not contain a user name or a password.")
    return _endpoint(parts["authority"], is_secure=scheme == schemes.secure)


def _usual_port(*, is_secure: bool) -> int:
    return SECURE_PORT if is_secure else PLAIN_PORT


def _exception(host: str) -> str:
    return f"Only an operator can allow it, by naming {host} in {NAMED_PRIVATE}."


@lru_cache(maxsize=1024)  # each handshake asks
def _endpoint(authority: str, *, is_secure: bool) -> Endpoint:
    parts = AUTHORITY.fullmatch(authority)
    if parts is None:
        raise AddressRefused("The address must hold one host, and a port after it where it is not the usual one.")
    port = int(parts["port"] or _usual_port(is_secure=is_secure))
    if not 1 <= port <= LARGEST_PORT:
        raise AddressRefused(f"A port must be a number from 1 to {LARGEST_PORT}.")
    host = parts["host"]
    return Endpoint(canonical_host(host), port, is_secure=is_secure, is_address=_address_in(host) is not None)
