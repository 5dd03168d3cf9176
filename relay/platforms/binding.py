"""To which hosts a platform's credential goes: it is entered for them, and sent nowhere else."""

from relay.platforms.addresses import HTTP, WEBSOCKET, AddressRefused, origin
from relay.platforms.answers import TokenAnswerUnusable

# Where CXone's own discovery documents lead. Others keep to their own host.
KNOWN_DOMAINS = ("niceincontact.com", "nice-incontact.com")


def origins(token_url: str, socket_url: str) -> tuple[str, str]:
    """Where a credential goes, and where the tokens go that it brings, such as ``https://login.mypurecloud.ie``.

    Args:
        token_url: of the token endpoint; for CXone, of the discovery document.
        socket_url: a template; {region} is filled in, and no other name decides its host.

    Raises:
        AddressRefused: one of them is no address.
    """
    return origin(token_url, HTTP), origin(socket_url, WEBSOCKET)


def refuse_foreign_endpoint(token_endpoint: str, discovery_url: str) -> None:
    """Check that a discovery document leads to its own host, or over TLS to one of the platform's known domains.

    Raises:
        TokenAnswerUnusable: it leads elsewhere: the credential must not go there.
    """
    try:
        found, at = origin(token_endpoint, HTTP), origin(discovery_url, HTTP)
    except AddressRefused as refused:
        raise TokenAnswerUnusable(f"the discovery document's token_endpoint can't be used: {refused}") from refused
    host = found.removeprefix("https://")
    is_known = host != found and any(host == domain or host.endswith(f".{domain}") for domain in KNOWN_DOMAINS)
    if found != at and not is_known:
        allowed = " and ".join(KNOWN_DOMAINS)
        raise TokenAnswerUnusable(
            f"the discovery document of {at} leads to {found}: only its own host, {allowed} are allowed"
        )
