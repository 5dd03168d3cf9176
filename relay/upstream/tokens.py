"""The platforms' tokens, kept until they end. One request serves all handshakes that wait for it.

A token is renewed in the background before it ends: handshakes use the living one meanwhile. How a platform is asked is
token_requests.py's.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import aiohttp
import structlog

from relay.telemetry.counters import PlatformFaults
from relay.upstream.faults import Phase, count_fault
from relay.upstream.refused import RefusedCredentials
from relay.upstream.resolver import Resolver
from relay.upstream.token_requests import Source, TokenUnavailable, request_token

USED_PART_OF_LIFE = 0.8  # the next handshake after that begins to renew it
LARGEST_EARLINESS = 0.1  # of the life, at random: relay processes that got their tokens together renew them apart
AFTER_FAILURE_SECONDS = 1.0  # a refused request is not repeated at once by the next handshake
MOST_DOUBLINGS = 6  # of the pause between attempts to renew a token that lives: a minute, or a half more at random
ISOLATED_SECONDS = 30.0  # a credential that the platform refused gets no connection, where there is another
MOST_TOKENS = 4096  # of which the least recently used goes: those of deleted credentials, first of all

log = structlog.get_logger()


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
    """One token for each credential.

    Attributes:
        http: what platforms are asked with.
        faults: where it is counted what goes wrong.
        now: the monotonic clock, in seconds.
        most: of how many credentials tokens, and refusals, are kept.
        resolver: says to which addresses tokens' requests go, and links too.
        refused: what people are to be told of credentials.
    """

    http: aiohttp.ClientSession
    faults: PlatformFaults = field(default_factory=PlatformFaults)
    now: Callable[[], float] = time.monotonic
    most: int = MOST_TOKENS
    resolver: Resolver = field(init=False)
    refused: RefusedCredentials = field(default_factory=RefusedCredentials)
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _failed: dict[str, _Failed] = field(default_factory=dict)
    _isolated: dict[str, float] = field(default_factory=dict)
    _asking: dict[Source, asyncio.Task[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know no address yet."""
        self.resolver = Resolver(faults=self.faults)

    async def token_for(self, source: Source) -> str:
        """A token that still lives. Where it ends soon, its successor is asked for and not waited for.

        Raises:
            TokenUnavailable: the platform refused, could not be reached, or answered with no token.
        """
        now = self.now()
        kept = self._kept.get(source.credential_id)
        if kept is None or kept.source != source or now >= kept.ends_at:
            return await self._new_token(source, now)
        self._kept[source.credential_id] = self._kept.pop(source.credential_id)  # used last
        if now >= kept.renew_at:
            self._task(source)
        return kept.token

    def forget(self, source: Source, token: str) -> None:
        """Ask anew next time: the platform refused ``token``."""
        kept = self._kept.get(source.credential_id)
        if kept is not None and kept.token == token:
            del self._kept[source.credential_id]

    def isolate(self, credential_id: str) -> None:
        """Keep connections from a credential for a while: the platform refused it."""
        self._isolated.pop(credential_id, None)
        self._isolated[credential_id] = self.now() + ISOLATED_SECONDS
        self._make_room()

    def isolated(self) -> Collection[str]:
        """Ids of the credentials that the platform refused lately."""
        while self._isolated and next(iter(self._isolated.values())) <= self.now():
            del self._isolated[next(iter(self._isolated))]  # the one that was refused longest ago
        return self._isolated.keys()

    async def aclose(self) -> None:
        """Cancel the requests under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.resolver.aclose()

    async def _new_token(self, source: Source, now: float) -> str:
        failed = self._failed.get(source.credential_id)
        if failed is not None and failed.source == source and now < failed.until:
            raise failed.error
        return await asyncio.shield(self._task(source))

    def _task(self, source: Source) -> asyncio.Task[str]:
        """The request under way, begun if there is none. It ends within its own time, whoever waits for it."""
        task = self._asking.get(source)
        if task is None:
            task = asyncio.create_task(self._ask(source), name=f"platform token of {source.credential_id}")
            self._asking[source] = task
            task.add_done_callback(lambda ended: self._ended(source, ended))
        return task

    def _ended(self, source: Source, task: asyncio.Task[str]) -> None:
        del self._asking[source]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, TokenUnavailable):
            log.error("platform_token_request_failed", credential=source.credential_id, exc_info=error)
            self._note_failure(source, error, None)

    async def _ask(self, source: Source) -> str:
        try:
            token = await request_token(self.http, self.resolver, source)
        except TokenUnavailable as error:
            count_fault(self.faults, error, Phase.TOKEN)
            until = self.now() + (error.retry_after_seconds or AFTER_FAILURE_SECONDS)
            self._failed.pop(source.credential_id, None)
            self._failed[source.credential_id] = _Failed(source, error, until)
            self._make_room()
            self._note_failure(source, error, error.retry_after_seconds)
            raise
        now, life_seconds = self.now(), token.life_seconds
        used_part = USED_PART_OF_LIFE - random.uniform(0, LARGEST_EARLINESS)
        renew_at, ends_at = now + life_seconds * used_part, now + life_seconds
        self._kept.pop(source.credential_id, None)
        self._kept[source.credential_id] = _Kept(source, token.value, renew_at, ends_at)
        self._failed.pop(source.credential_id, None)
        self._make_room()
        self.refused.accepted(source.credential_id)
        return token.value

    def _note_failure(self, source: Source, why: object, asked_seconds: float | None) -> None:
        """Leave the platform alone for a while, where the former token still lives."""
        kept = self._kept.get(source.credential_id)
        if kept is None or kept.source != source or self.now() >= kept.ends_at:
            return
        log.warning("platform_token_not_renewed", credential=source.credential_id, error=str(why))
        pause = max(AFTER_FAILURE_SECONDS * 2**kept.failures, asked_seconds or 0) * random.uniform(1, 1.5)
        failures = min(kept.failures + 1, MOST_DOUBLINGS)
        self._kept[source.credential_id] = replace(kept, renew_at=self.now() + pause, failures=failures)

    def _make_room(self) -> None:
        """Evict what was used longest ago."""
        for table in (self._kept, self._failed, self._isolated):
            if len(table) > self.most:
                del table[next(iter(table))]
