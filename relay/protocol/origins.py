"""Which web pages may open a WebSocket: a browser says which page asks, and sends its cookies along (CWE-1385)."""

from collections.abc import Sequence

from relay.protocol.denials import Denied, forbidden
from relay.protocol.heads import Headers


def refuse_foreign_origin(headers: Headers, allowed: Sequence[str]) -> None:
    """Let programs pass, and of web pages those of this host and those that are ``allowed``.

    A program says neither Origin nor Cookie, or the host itself as its Origin.

    Raises:
        Denied: 403.
    """
    origins = [value.decode("latin-1").lower() for name, value in headers if name == b"origin"]
    if not origins and not any(name == b"cookie" for name, _ in headers):
        return
    host = next((value.decode("latin-1").lower() for name, value in headers if name == b"host"), "")
    if len(origins) != 1 or origins[0] not in (*allowed, f"http://{host}", f"https://{host}"):
        detail = "Web pages of this origin may not connect. An administrator can add it to FLOODGATE_ALLOWED_ORIGINS."
        raise Denied(forbidden("origin_forbidden", detail))
