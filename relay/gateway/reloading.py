"""Follows announcements: reloads what changed, each tenant in a task of its own, so that none harms another."""

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from typing import Protocol

import structlog
from django.db import DatabaseError

from relay.process.tasks import end_tasks
from relay.store.announcements import EVERY_TENANT, changed_tenants
from relay.store.backoff import Backoff
from relay.store.breaker import UNREACHABLE
from relay.store.client_records import RecordsMissing, RecordsNewer
from relay.store.pool import StoreUnavailable
from relay.store.receipts import Receipts

log = structlog.get_logger()
UNAVAILABLE = (StoreUnavailable, RecordsMissing, RecordsNewer, DatabaseError, TimeoutError)
Reload = Callable[[str], Awaitable[Mapping[str, int]]]  # of a tenant; returns the versions that are enforced


class Tenants(Container[str], Iterable[str], Protocol):
    """Ids of tenants."""


class PendingReload:
    """The announcement of one tenant that is to be applied next; empty while the last one is being applied."""

    def __init__(self) -> None:
        """Begin with nothing announced."""
        self.entry_id = ""
        self._is_announced = asyncio.Event()

    def announce(self, entry_id: str) -> None:
        """Apply this one next: of several announcements only the last one matters."""
        self.entry_id = entry_id
        self._is_announced.set()

    def take(self) -> str:
        """Return the announcement that is to be applied now."""
        entry_id, self.entry_id = self.entry_id, ""
        self._is_announced.clear()
        return entry_id

    async def is_announced_within(self, seconds: float) -> bool:
        """Wait for another announcement, and tell whether one came in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self._is_announced.wait()
        except TimeoutError:
            return False


class Reloading:
    """Reloads tenants whose control data was announced as changed, until it succeeds.

    A tenant that can't be reloaded keeps what was known of it, is tried again with growing pauses, and is logged once.
    While Redis does not answer, that is one line for all tenants.
    """

    def __init__(self, reload: Reload, known: Tenants, receipts: Receipts) -> None:
        """Call ``reload`` for the tenants in ``known``; others are confirmed in ``receipts`` at once."""
        self._reload = reload
        self._known = known
        self._receipts = receipts
        self._pending: dict[str, PendingReload] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unanswered: set[str] = set()  # tenants for which Redis did not answer at the last try

    async def follow(self) -> None:
        """Follow announcements for ever."""
        try:
            async for tenant_id, entry_id in changed_tenants():
                if tenant_id == EVERY_TENANT:
                    self._receipts.begin(entry_id, frozenset(self._known))
                    for known_id in self._known:
                        self._reload_soon(known_id, entry_id)
                elif tenant_id in self._known:
                    self._reload_soon(tenant_id, entry_id)
                else:
                    self._receipts.apply(tenant_id, entry_id, {})
        finally:
            await end_tasks(self._tasks)

    def _reload_soon(self, tenant_id: str, entry_id: str) -> None:
        pending = self._pending.get(tenant_id)
        if pending is None:
            pending = self._pending[tenant_id] = PendingReload()
            task = asyncio.create_task(self._reload_until_done(tenant_id, pending), name=f"reload of {tenant_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        pending.announce(entry_id)

    async def _reload_until_done(self, tenant_id: str, pending: PendingReload) -> None:
        """Apply what is pending. An announcement that comes meanwhile is applied next; it also ends a pause."""
        backoff, logged = Backoff(), ""
        try:
            while entry_id := pending.take():
                # Gathered, so that whatever goes wrong is a value, a stray cancellation too: it is one tenant's alone.
                [outcome] = await asyncio.gather(self._reload(tenant_id), return_exceptions=True)
                if not isinstance(outcome, BaseException):
                    self._receipts.apply(tenant_id, entry_id, outcome)
                    self._unanswered.discard(tenant_id)
                    logged = ""
                    continue
                logged = self._log_failure(tenant_id, outcome, logged)
                pending.entry_id = pending.entry_id or entry_id
                if await pending.is_announced_within(backoff.pause_seconds()):
                    backoff.reset()
        finally:
            self._unanswered.discard(tenant_id)
            del self._pending[tenant_id]

    def _log_failure(self, tenant_id: str, error: BaseException, logged: str) -> str:
        """Log what keeps a tenant from being reloaded, or only the first of all tenants if Redis does not answer."""
        if not isinstance(error, UNREACHABLE):
            self._unanswered.discard(tenant_id)
            return _log_once(tenant_id, error, logged)
        if not self._unanswered:
            log.warning("reload_failed", tenant=tenant_id, error=type(error).__name__)
        self._unanswered.add(tenant_id)
        return logged


def _log_once(tenant_id: str, error: BaseException, logged: str) -> str:
    """Log an error of another kind than the last one; returns what was logged last."""
    kind = type(error).__name__
    if kind != logged:
        is_expected = isinstance(error, UNAVAILABLE)
        level = log.warning if is_expected else log.error
        level("reload_failed", tenant=tenant_id, error=kind, exc_info=None if is_expected else error)
    return kind
