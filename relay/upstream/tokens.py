"""The platforms' tokens, kept until they end. One request serves all handshakes that wait for it.

A token is renewed in the background before it ends: handshakes use the living one meanwhile. How a platform is asked is
token_requests.py's.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import aiohttp
import structlog

from relay.store.client_records import Platform, PlatformConnectionRecord
from relay.telemetry.counters import PlatformFaults
from relay.upstream.faults import Phase, count_fault
from relay.upstream.resolver import Resolver
from relay.upstream.token_requests import TokenUnavailable, request_token

USED_PART_OF_LIFE = 0.8  # the next handshake after that begins to renew it
LARGEST_EARLINESS = 0.1  # of the life, at random: relay processes that got their tokens together renew them apart
AFTER_FAILURE_SECONDS = 1.0  # a refused request is not repeated at once by the next handshake
MOST_DOUBLINGS = 6  # of the pause between attempts to renew a token that lives: a minute, or a half more at random
MOST_TOKENS = 4096  # of which the least recently used goes: those of deleted platform connections, first of all

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Source:
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
    token: str = field(repr=False)
    renew_at: float
    ends_at: float
    failures: int = 0  # to renew it, in a row


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
    """One token for each platform connection.

    Attributes:
        http: what platforms are asked with.
        faults: where it is counted what goes wrong.
        now: the monotonic clock, in seconds.
        most: of how many platform connections tokens, and refusals, are kept.
        resolver: says to which addresses tokens' requests go, and links too.
    """

    http: aiohttp.ClientSession
    faults: PlatformFaults = field(default_factory=PlatformFaults)
    now: Callable[[], float] = time.monotonic
    most: int = MOST_TOKENS
    resolver: Resolver = field(init=False)
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _failed: dict[str, _Failed] = field(default_factory=dict)
    _asking: dict[Source, asyncio.Task[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know no address yet."""
        self.resolver = Resolver(faults=self.faults)

    async def token_for(self, connection: PlatformConnectionRecord) -> str:
        """A token that still lives. Where it ends soon, its successor is asked for and not waited for.

        Raises:
            TokenUnavailable: the platform refused, could not be reached, or answered with no token.
        """
        source, now = Source.of(connection), self.now()
        kept = self._kept.get(connection.id)
        if kept is None or kept.source != source or now >= kept.ends_at:
            return await self._new_token(connection, source, now)
        self._kept[connection.id] = self._kept.pop(connection.id)  # used last
        if now >= kept.renew_at:
            self._task(connection, source)
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
        return await asyncio.shield(self._task(connection, source))

    def _task(self, connection: PlatformConnectionRecord, source: Source) -> asyncio.Task[str]:
        """The request under way, begun if there is none. It ends within its own time, whoever waits for it."""
        task = self._asking.get(source)
        if task is None:
            task = asyncio.create_task(self._ask(connection, source), name=f"platform token of {connection.id}")
            self._asking[source] = task
            task.add_done_callback(lambda ended: self._ended(source, ended))
        return task

    def _ended(self, source: Source, task: asyncio.Task[str]) -> None:
        del self._asking[source]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, TokenUnavailable):
            log.error("platform_token_request_failed", platform_connection=source.connection_id, exc_info=error)
            self._note_failure(source, error, None)

    async def _ask(self, connection: PlatformConnectionRecord, source: Source) -> str:
        try:
            token = await request_token(self.http, self.resolver, connection)
        except TokenUnavailable as error:
            count_fault(self.faults, error, Phase.TOKEN)
            until = self.now() + (error.retry_after_seconds or AFTER_FAILURE_SECONDS)
            self._failed.pop(connection.id, None)
            self._failed[connection.id] = _Failed(source, error, until)
            self._make_room()
            self._note_failure(source, error, error.retry_after_seconds)
            raise
        now, life_seconds = self.now(), token.life_seconds
        used_part = USED_PART_OF_LIFE - random.uniform(0, LARGEST_EARLINESS)
        self._kept.pop(connection.id, None)
        self._kept[connection.id] = _Kept(source, token.value, now + life_seconds * used_part, now + life_seconds)
        self._failed.pop(connection.id, None)
        self._make_room()
        return token.value

    def _note_failure(self, source: Source, why: object, asked_seconds: float | None) -> None:
        """Leave the platform alone for a while, where the former token still lives."""
        kept = self._kept.get(source.connection_id)
        if kept is None or kept.source != source or self.now() >= kept.ends_at:
            return
        log.warning("platform_token_not_renewed", platform_connection=source.connection_id, error=str(why))
        pause = max(AFTER_FAILURE_SECONDS * 2**kept.failures, asked_seconds or 0) * random.uniform(1, 1.5)
        failures = min(kept.failures + 1, MOST_DOUBLINGS)
        self._kept[source.connection_id] = replace(kept, renew_at=self.now() + pause, failures=failures)

    def _make_room(self) -> None:
        """Evict what was used longest ago."""
        if len(self._kept) > self.most:
            del self._kept[next(iter(self._kept))]
        if len(self._failed) > self.most:
            del self._failed[next(iter(self._failed))]
