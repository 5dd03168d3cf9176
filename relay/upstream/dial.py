"""Opens a client's link: a token for the platform, the platform's socket, and once more with a new token if refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from relay.platforms.answers import Refusal, refusal_of
from relay.protocol.denials import Denied, unavailable
from relay.store.client_records import ChannelRecord
from relay.upstream.link import Link, LinkFailed, LinkRefused, LinkTarget, open_link
from relay.upstream.refusals import denial_of_link, denial_of_token
from relay.upstream.tls import CertificateUnusable, tls_context
from relay.upstream.token_requests import TokenUnavailable
from relay.upstream.tokens import PlatformTokens

log = structlog.get_logger()
PAUSED_RETRY_SECONDS = 30


@asynccontextmanager
async def platform_link(
    tokens: PlatformTokens, channel: ChannelRecord, offers: LinkTarget, spread_seconds: int
) -> AsyncIterator[Link]:
    """A socket to the channel's platform, aborted at the end if it is still open.

    Args:
        tokens: where the platform's token comes from.
        channel: what the client connects to.
        offers: what the client offered; its address and authorization are filled in here.
        spread_seconds: varies Retry-After.

    Raises:
        Denied: the platform refused or could not be reached: the answer that fits for the client.
    """
    connection = channel.platform_connection
    if not connection.is_active:
        detail = "The platform connection of this channel is switched off. An owner can switch it on."
        raise Denied(unavailable("platform_connection_paused", detail, PAUSED_RETRY_SECONDS + spread_seconds))
    try:
        link = await _open(tokens, channel, offers)
    except (LinkRefused, LinkFailed) as error:
        log.warning("platform_link_failed", platform_connection=connection.name, error=str(error))
        raise Denied(denial_of_link(error, spread_seconds)) from error
    except TokenUnavailable as error:
        log.warning("platform_token_unavailable", platform_connection=connection.name, error=str(error))
        raise Denied(denial_of_token(error, spread_seconds)) from error
    try:
        yield link
    finally:
        link.transport.abort()


async def _open(tokens: PlatformTokens, channel: ChannelRecord, offers: LinkTarget) -> Link:
    connection = channel.platform_connection
    token = await tokens.token_for(connection)
    try:
        return await open_link(_target(channel, offers, token), tokens.resolver)
    except LinkRefused as error:
        if refusal_of(error.status) is not Refusal.CREDENTIAL:
            raise
    tokens.forget(connection, token)  # it may have been revoked: a new one decides
    return await open_link(_target(channel, offers, await tokens.token_for(connection)), tokens.resolver)


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
