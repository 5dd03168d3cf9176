"""Tries a platform connection as handshakes use it, credential by credential, for people who set it up."""

import asyncio
from contextlib import suppress
from typing import NamedTuple

from relay.protocol.close_codes import close_frame
from relay.store.client_records import ChannelRecord, CredentialRecord, PlatformConnectionRecord
from relay.store.pool import StoreUnavailable, on_loop
from relay.upstream.dial import link_with, token_with
from relay.upstream.link import LinkFailed, LinkRefused, LinkTarget
from relay.upstream.refused import RefusedCredentials
from relay.upstream.token_requests import Source, TokenUnavailable
from relay.upstream.tokens import PlatformTokens, http_session

TRIAL_SECONDS = 30.0  # for all credentials: somebody waits for the page
MOST_AT_ONCE = 4  # credentials: a platform limits how often it is asked for tokens
ISSUED, OPENED = "issued", "opened, and closed again"
NORMAL_CLOSURE = 1000  # RFC 6455, section 7.4.1
NO_OFFERS = LinkTarget(subprotocols="", extensions="", headers=(), query="")


class Tried(NamedTuple):
    """What came of one credential, in a few words for each step."""

    credential: str
    token: str
    socket: str
    works: bool


async def try_connection(connection: PlatformConnectionRecord, channel: ChannelRecord | None) -> list[Tried]:
    """Ask for a token with each credential, and open a socket to ``channel``, if there is one, which is closed at once.

    What came of it is told to Redis, as relays tell theirs.
    """
    turns = asyncio.Semaphore(MOST_AT_ONCE)
    async with http_session() as http:
        tokens = PlatformTokens(http)

        async def in_turn(credential: CredentialRecord) -> Tried:
            try:
                async with asyncio.timeout_at(end), turns:
                    return await _try(tokens, connection, credential, channel)
            except TimeoutError:
                why = f"no answer within {TRIAL_SECONDS:g} s"
                return Tried(credential.name, why, why, works=False)

        end = asyncio.get_running_loop().time() + TRIAL_SECONDS
        try:
            tried = await asyncio.gather(*map(in_turn, connection.credentials))
        finally:
            await tokens.aclose()
        await _tell(tokens.refused)
    return tried


async def _try(
    tokens: PlatformTokens,
    connection: PlatformConnectionRecord,
    credential: CredentialRecord,
    channel: ChannelRecord | None,
) -> Tried:
    source = Source.of(connection, credential)
    try:
        await token_with(tokens, source)
    except TokenUnavailable as error:
        return Tried(credential.name, str(error), "not tried without a token", works=False)
    if channel is None:
        return Tried(credential.name, ISSUED, "not tried: no channel leads through it", works=True)
    try:
        link = await link_with(tokens, channel, source, NO_OFFERS)
    except (LinkRefused, LinkFailed, TokenUnavailable) as error:
        return Tried(credential.name, ISSUED, str(error), works=False)
    link.transport.write(close_frame(NORMAL_CLOSURE, "", masked=True))
    link.transport.close()
    return Tried(credential.name, ISSUED, OPENED, works=True)


async def _tell(refused: RefusedCredentials) -> None:
    """Tell what was learned; while Redis is away, whoever asked reads it on the page alone."""
    redis = on_loop()
    try:
        with suppress(StoreUnavailable):
            await refused.tell(redis)
    finally:
        await redis.aclose()
