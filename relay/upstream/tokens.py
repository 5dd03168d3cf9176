"""The platforms' tokens, kept until shortly before they end. One request serves all handshakes that wait for it.

How a platform is asked is token_requests.py's.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import aiohttp

from relay.platforms.answers import PlatformToken
from relay.store.client_records import Platform, PlatformConnectionRecord
from relay.telemetry.counters import PlatformFaults
from relay.upstream.faults import Phase, count_fault
from relay.upstream.resolver import Resolver
from relay.upstream.token_requests import TokenUnavailable, request_token

USED_PART_OF_LIFE = 0.8  # asked for anew after that, while the old one still works
AFTER_FAILURE_SECONDS = 1.0  # a refused request is not repeated at once by the next handshake


class Source(NamedTuple):
    """All that a token depends on: what was kept or refused by another source says nothing."""

    connection_id: str
    platform: Platform
    token_url: str
    socket_url: str  # a token must not go where its credential was not entered for
    encrypted_credential: str
    ca_certificate: str

    @classmethod
    def of(cls, connection: PlatformConnectionRecord) -> "Source":
        """Where the tokens of a platform connection come from."""
        return cls(
            connection.id,
            connection.platform,
            connection.token_url,
            connection.socket_url,
            connection.encrypted_credential,
            connection.ca_certificate,
        )


@dataclass(frozen=True, slots=True)
class _Kept:
    source: Source
    token: str
    ask_again_at: float
    ends_at: float


@dataclass(frozen=True, slots=True)
class _Failed:
    source: Source
    error: TokenUnavailable
    until: float


def http_session() -> aiohttp.ClientSession:
    """What a relay process asks platforms and web with; whoever opens it closes it."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, connect=5))


@dataclass(slots=True)
class PlatformTokens:
    """One token for each platform connection. Times are of the monotonic clock, in seconds.

    ``resolver`` says to which addresses tokens' requests go, and links too; what goes wrong is counted in ``faults``.
    """

    http: aiohttp.ClientSession
    faults: PlatformFaults = field(default_factory=PlatformFaults)
    resolver: Resolver = field(init=False)
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _failed: dict[str, _Failed] = field(default_factory=dict)
    _asking: dict[Source, asyncio.Task[PlatformToken]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know no address yet."""
        self.resolver = Resolver(faults=self.faults)

    async def token_for(self, connection: PlatformConnectionRecord) -> str:
        """A token that still lives.

        Raises:
            TokenUnavailable: the platform refused, could not be reached, or answered with no token.
        """
        source, now = Source.of(connection), time.monotonic()
        kept = self._kept.get(connection.id)
        if kept is None or kept.source != source or now >= kept.ends_at:
            return await self._new_token(connection, source, now)
        if now >= kept.ask_again_at:
            with suppress(TokenUnavailable):  # the former one still lives
                return await self._new_token(connection, source, now)
        return kept.token

    def forget(self, connection: PlatformConnectionRecord, token: str) -> None:
        """Ask anew next time: the platform refused ``token``."""
        kept = self._kept.get(connection.id)
        if kept is not None and kept.token == token:
            del self._kept[connection.id]

    async def aclose(self) -> None:
        """Cancel the requests under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.resolver.aclose()

    async def _new_token(self, connection: PlatformConnectionRecord, source: Source, now: float) -> str:
        failed = self._failed.get(connection.id)
        if failed is not None and failed.source == source and now < failed.until:
            raise failed.error
        task = self._asking.get(source)
        if task is None:
            task = asyncio.create_task(self._ask(connection, source), name=f"platform token of {connection.id}")
            self._asking[source] = task
            task.add_done_callback(lambda _: self._asking.pop(source, None))
        token = await asyncio.shield(task)
        return token.value

    async def _ask(self, connection: PlatformConnectionRecord, source: Source) -> PlatformToken:
        try:
            token = await request_token(self.http, self.resolver, connection)
        except TokenUnavailable as error:
            count_fault(self.faults, error, Phase.TOKEN)
            until = time.monotonic() + (error.retry_after_seconds or AFTER_FAILURE_SECONDS)
            self._failed[connection.id] = _Failed(source, error, until)
            raise
        now, life_seconds = time.monotonic(), token.life_seconds
        self._kept[connection.id] = _Kept(
            source, token.value, now + life_seconds * USED_PART_OF_LIFE, now + life_seconds
        )
        self._failed.pop(connection.id, None)
        return token
