"""From a platform's host to the IP addresses that are connected to: looked up once, every one judged, kept a while.

Who connects is given addresses, never a name, so a name that changes between the check and the connect changes nothing.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog
from django.conf import settings

from relay.platforms.addresses import AddressRefused, AddressRules, Endpoint, Schemes
from relay.telemetry.counters import PlatformFaults
from relay.upstream.faults import dns_reason
from relay.upstream.lookups import Lookups

log = structlog.get_logger()
FRESH_SECONDS = 5.0  # an answer, or a failure, spares the next handshakes a lookup for so long
LAST_GOOD_SECONDS = 300.0
MOST_NAMES = 1024


class NoAddress(Exception):
    """There is nothing to connect to: it is not allowed, or nobody can say which address it has; the message tells."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is known of a name. Times are of the monotonic clock, in seconds."""

    addresses: tuple[str, ...]
    ask_again_at: float
    good_until: float
    why_none: str = ""
    is_last_good: bool = False  # nobody could say anything newer


@dataclass(slots=True)
class Resolver:
    """The addresses of platforms' hosts, for all connections of one relay process."""

    rules: AddressRules = field(default_factory=lambda: settings.PLATFORM_ADDRESSES)
    lookups: Lookups = field(default_factory=Lookups)
    now: Callable[[], float] = time.monotonic
    faults: PlatformFaults = field(default_factory=PlatformFaults)
    _answers: dict[str, _Answer] = field(default_factory=dict)
    _asking: dict[str, asyncio.Task[_Answer]] = field(default_factory=dict)

    def endpoint(self, url: str, schemes: Schemes) -> Endpoint:
        """Where a URL leads.

        Raises:
            NoAddress: it may not be used.
        """
        try:
            return self.rules.endpoint(url, schemes)
        except AddressRefused as refused:
            raise NoAddress(f"the URL can't be used: {refused}") from refused

    async def addresses(self, endpoint: Endpoint) -> tuple[str, ...]:
        """IP addresses that may be connected to, in the order in which they are to be tried; one at least.

        Args:
            endpoint: where a URL leads.

        Raises:
            NoAddress: one is none that a platform may have, or nobody can say, and could in the last minutes.
        """
        if endpoint.is_address:
            return (endpoint.host,)
        now, answer = self.now(), self._answers.get(endpoint.host)
        if answer is None or now >= answer.ask_again_at:
            task = self._asking.get(endpoint.host) or self._begin(endpoint.host)
            if answer is None or not answer.is_last_good or now >= answer.good_until:
                answer = await asyncio.shield(task)  # a client that leaves must not end it for the others
        if answer.why_none:
            raise NoAddress(answer.why_none)
        return answer.addresses

    async def aclose(self) -> None:
        """Cancel the lookups under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, host: str) -> asyncio.Task[_Answer]:
        task = asyncio.create_task(self._ask(host), name=f"addresses of {host}")
        self._asking[host] = task
        task.add_done_callback(lambda _: self._asking.pop(host))
        return task

    async def _ask(self, host: str) -> _Answer:
        try:
            found = await self.lookups.addresses(host)
            self.rules.judge(host, found)
        except AddressRefused as refused:
            self.faults.dns_failures[dns_reason(refused)] += 1
            answer = self._none(str(refused))
        except OSError as error:
            self.faults.dns_failures[dns_reason(error)] += 1
            answer = self._last_good(host, error)
        else:
            now = self.now()
            answer = _Answer(found, now + FRESH_SECONDS, now + LAST_GOOD_SECONDS)
        self._answers.pop(host, None)
        self._answers[host] = answer
        if len(self._answers) > MOST_NAMES:
            del self._answers[next(iter(self._answers))]  # asked for longest ago
        return answer

    def _last_good(self, host: str, error: OSError) -> _Answer:
        """The former answer as long as it serves."""
        now, former = self.now(), self._answers.get(host)
        if former is None or now >= former.good_until:
            return self._none(f"{host} can't be resolved: {error}")
        log.warning("platform_name_unresolved", host=host, error=str(error), last_answer=former.addresses)
        return replace(former, ask_again_at=min(now + FRESH_SECONDS, former.good_until), is_last_good=True)

    def _none(self, why: str) -> _Answer:
        now = self.now()
        return _Answer((), now + FRESH_SECONDS, now, why)
