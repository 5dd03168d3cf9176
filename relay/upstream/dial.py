"""Opens a client's link: a token for the platform, the platform's socket, and once more with a new token if refused."""

from contextlib import suppress

import structlog

from relay.platforms.answers import Refusal, refusal_of
from relay.protocol.denials import Denied, credential_needed, unavailable
from relay.store.client_records import ChannelRecord
from relay.upstream.link import Link, LinkFailed, LinkRefused, LinkTarget, open_link
from relay.upstream.refusals import denial_of_link, denial_of_token
from relay.upstream.tls import CertificateUnusable, tls_context
from relay.upstream.token_requests import Source, TokenUnavailable
from relay.upstream.tokens import PlatformTokens

log = structlog.get_logger()
PAUSED_RETRY_SECONDS = 30
ISOLATING = (Refusal.CREDENTIAL, Refusal.NOT_SENT)


async def platform_link(
    tokens: PlatformTokens, channel: ChannelRecord, credential_id: str, offers: LinkTarget, spread_seconds: int
) -> Link:
    """Open a socket to the channel's platform, which the caller closes.

    Args:
        tokens: where the platform's token comes from.
        channel: what the client connects to.
        credential_id: which credential of the platform connection was chosen.
        offers: what the client offered; its address and authorization are filled in here.
        spread_seconds: varies Retry-After.

    Raises:
        Denied: the platform refused or could not be reached: the answer that fits for the client.
    """
    connection = channel.platform_connection
    if not connection.is_active:
        detail = "The platform connection of this channel is switched off. An administrator can switch it on."
        raise Denied(unavailable("platform_connection_paused", detail, PAUSED_RETRY_SECONDS + spread_seconds))
    credential = connection.credential(credential_id)
    if credential is None:
        raise Denied(credential_needed())
    names = {"platform_connection": connection.name, "credential": credential.name}
    try:
        return await link_with(tokens, channel, Source.of(connection, credential), offers)
    except (LinkRefused, LinkFailed) as error:
        log.warning("platform_link_failed", **names, error=str(error))
        raise Denied(denial_of_link(error, spread_seconds)) from error
    except TokenUnavailable as error:
        log.warning("platform_token_unavailable", **names, error=str(error))
        raise Denied(denial_of_token(error, spread_seconds)) from error


async def link_with(tokens: PlatformTokens, channel: ChannelRecord, source: Source, offers: LinkTarget) -> Link:
    """Open a socket to the channel's platform with one credential, which it notes as refused or as working.

    Raises:
        TokenUnavailable: there is no token for it.
        LinkRefused: the platform answered the handshake with another status than 101, also with a new token.
        LinkFailed: the platform could not be reached, or did not answer as a WebSocket server.
    """
    token = await token_with(tokens, source)
    with suppress(_TokenRefused):
        return await _open_with(token, tokens, channel, source, offers)
    tokens.forget(source, token)  # it may have been revoked: a new one decides
    try:
        return await _open_with(await token_with(tokens, source), tokens, channel, source, offers)
    except _TokenRefused as refused:
        tokens.isolate(source.credential_id)
        tokens.refused.refused(source.credential_id, f"{refused} to the handshake, with a new token")
        raise


async def token_with(tokens: PlatformTokens, source: Source) -> str:
    """A token of one credential, which it notes as refused where that is why there is none.

    Raises:
        TokenUnavailable: there is none.
    """
    try:
        return await tokens.token_for(source)
    except TokenUnavailable as error:
        if error.refusal in ISOLATING:
            tokens.isolate(source.credential_id)
        if error.refusal is Refusal.CREDENTIAL:
            tokens.refused.refused(source.credential_id, str(error))
        raise


class _TokenRefused(LinkRefused):
    """The platform did not accept the token."""


async def _open_with(
    token: str, tokens: PlatformTokens, channel: ChannelRecord, source: Source, offers: LinkTarget
) -> Link:
    try:
        link = await open_link(_target(channel, offers, token), tokens.resolver)
    except LinkRefused as error:
        if refusal_of(error.status) is Refusal.CREDENTIAL:
            raise _TokenRefused(error.status, error.headers) from error
        raise
    tokens.refused.works(source.credential_id)
    return link


def _target(channel: ChannelRecord, offers: LinkTarget, token: str) -> LinkTarget:
    connection = channel.platform_connection
    url = channel.socket_url
    if offers.query:
        url += ("&" if "?" in url else "?") + offers.query
    try:
        tls = tls_context(connection.ca_certificate)
    except CertificateUnusable as error:
        raise LinkFailed(str(error)) from error
    return offers.towards(url, f"Bearer {token}", tls)
