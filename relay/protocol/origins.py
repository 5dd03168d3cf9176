"""Which web pages may open a WebSocket: a browser says which page asks, and sends its cookies along (CWE-1385)."""

import re
from collections.abc import Sequence
from ipaddress import IPv6Address

from relay.protocol.denials import Denied, forbidden
from relay.protocol.heads import Headers

ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()+;=-]+)(?::(?P<port>[0-9]{1,5}))?"
)
OWN_PORTS = {"http": "80", "https": "443"}
LARGEST_PORT = 65_535


def origin_of(text: str) -> str | None:
    """An origin in its one spelling (RFC 6454, section 6.2): small letters, and no port where it is the scheme's own.

    An IPv6 address is as short as browsers write it. None where it is no origin: without a scheme, or with a path.
    """
    found = ORIGIN.fullmatch(text.strip().lower())
    if found is None or int(found["port"] or 0) > LARGEST_PORT:
        return None
    scheme, host, port = found["scheme"], found["host"], (found["port"] or "").lstrip("0")
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1])}]"
        except ValueError:
            return None
    return f"{scheme}://{host}" if port in ("", OWN_PORTS.get(scheme)) else f"{scheme}://{host}:{port}"


def refuse_foreign_origin(headers: Headers, allowed: Sequence[str]) -> None:
    """Let programs pass, and of web pages those of this host and those that are ``allowed``, as ``origin_of`` spells.

    A program says neither Origin nor Cookie, or the host itself as its Origin.

    Raises:
        Denied: 403.
    """
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    if not origins:
        if any(name == b"cookie" for name, _ in headers):
            detail = "A cookie came, and no Origin. The relay takes no cookies: leave it out."
            raise Denied(forbidden("origin_forbidden", detail))
        return
    host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
    own = {origin_of(f"http://{host}"), origin_of(f"https://{host}")}
    origin = origin_of(origins[0])
    if len(origins) != 1 or origin is None or origin not in own.union(allowed):
        detail = "Web pages of this origin may not connect. An administrator can add it to FLOODGATE_ALLOWED_ORIGINS."
        raise Denied(forbidden("origin_forbidden", detail))
