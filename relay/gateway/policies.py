"""The snapshot cache: what this process knows of clients, and how a change reaches connections that are open.

Records come from Redis; where Redis has none they are rebuilt from the database, in a thread.
"""

import asyncio
import time
from typing import Protocol
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from channels.db import database_sync_to_async
from django.db import DatabaseError

from relay.gateway.authentication import Identity
from relay.protocol.denials import Denied, token_invalid, unavailable
from relay.store.announcements import EVERY_TENANT, changed_tenants
from relay.store.client_records import ClientRecord, RecordsMissing, load_record
from relay.store.pool import RedisOnLoop, StoreUnavailable
from relay.store.receipts import Receipts
from relay.store.revocations import load_revoked_tokens
from tenants.snapshots import publish_records

log = structlog.get_logger()
REBUILD_SECONDS = 5.0
RELOAD_RETRY_SECONDS = 0.25
MOST_RECORDS = 20_000
UNAVAILABLE = (StoreUnavailable, RecordsMissing, DatabaseError, TimeoutError)
RETRY_AFTER_SECONDS = 2
ClientKey = tuple[str, str]  # ids of tenant and client


class Connected(Protocol):
    """Who is connected to this process, or shakes hands with it."""

    def clients_of(self, tenant_id: str) -> set[str]:
        """Ids of the tenant's clients that are here."""

    def is_here(self, client: ClientKey) -> bool:
        """Tell whether one client is here."""

    def apply_change(self, tenant_id: str) -> None:
        """Hold the tenant's connections to the records as they are now."""


class Policies:
    """Client records and revocations as last heard, and who must be told when they change."""

    def __init__(self, redis_on_loop: RedisOnLoop, worker: str, connected: Connected) -> None:
        """Tell ``connected`` after a tenant's records were loaded again, and the store what ``worker`` enforces."""
        self._redis = redis_on_loop
        self._connected = connected
        self._records: dict[ClientKey, ClientRecord] = {}
        self._revoked: dict[str, frozenset[str]] = {}
        self._loading: WeakValueDictionary[ClientKey, asyncio.Lock] = WeakValueDictionary()
        self._changed: dict[str, str] = {}  # tenants whose reload has not begun, and the last announcement of each
        self._receipts = Receipts(redis_on_loop, worker)
        self._rebuilding: dict[str, asyncio.Task[None]] = {}

    async def client_of(self, identity: Identity) -> ClientRecord:
        """The record of the client that a token names.

        Raises:
            Denied: the client is gone or disabled, the token was revoked, or nobody can tell.
        """
        record = self.known(identity)
        if record is None:
            try:
                record = await self._load(identity.tenant_id, identity.client_id, again=False)
            except UNAVAILABLE as error:
                log.warning("client_record_unavailable", tenant=identity.tenant_id, error=type(error).__name__)
                detail = "Clients can't be looked up at the moment."
                raise Denied(unavailable("store_unavailable", detail, RETRY_AFTER_SECONDS)) from error
        if record is None or not self.is_valid(identity, record):
            raise Denied(token_invalid("The access token was revoked, or its client was disabled."))
        return record

    def known(self, identity: Identity) -> ClientRecord | None:
        """The record of a client as last heard, without asking anyone."""
        return self._records.get((identity.tenant_id, identity.client_id))

    def is_valid(self, identity: Identity, record: ClientRecord) -> bool:
        """Tell whether a token of the client still counts."""
        is_revoked = identity.token_id in self._revoked.get(identity.tenant_id, ())
        return record.is_active and not is_revoked and identity.issued_at >= record.tokens_valid_from

    async def follow(self) -> None:
        """Load again what is announced as changed, for ever."""
        async with asyncio.TaskGroup() as reloads:
            async for tenant_id, entry_id in changed_tenants():
                known = {tenant for tenant, _ in (*self._records, *self._loading)}
                if tenant_id == EVERY_TENANT:
                    self._receipts.begin(entry_id, known)
                elif tenant_id not in known:
                    self._receipts.apply(tenant_id, entry_id, {})
                for tenant in known if tenant_id == EVERY_TENANT else known & {tenant_id}:
                    if tenant not in self._changed:
                        reloads.create_task(self._reload_until_done(tenant), name=f"reload of {tenant}")
                    self._changed[tenant] = entry_id

    async def confirm(self) -> None:
        """Say which versions are enforced, for ever. Apart from ``follow``: nothing waits for it."""
        await self._receipts.send_for_ever()

    async def _reload_until_done(self, tenant_id: str) -> None:
        """Try until it succeeds, or until a later announcement has somebody else try."""
        while tenant_id in self._changed:
            entry_id = self._changed.pop(tenant_id)  # what is announced from here on is another change
            try:
                versions = await self._reload(tenant_id)
            except UNAVAILABLE as error:
                log.warning("reload_failed", tenant=tenant_id, error=type(error).__name__)
                if tenant_id in self._changed:
                    return
                self._changed[tenant_id] = entry_id
                await asyncio.sleep(RELOAD_RETRY_SECONDS)
            else:
                self._receipts.apply(tenant_id, entry_id, versions)
                return

    async def _reload(self, tenant_id: str) -> dict[str, int]:
        """Load again what is held, and answer to which version of each policy clients are held now."""
        started = time.monotonic()
        versions: dict[str, int] = {}
        loading = {client for tenant, client in self._loading if tenant == tenant_id}  # perhaps what was there before
        connected = self._connected.clients_of(tenant_id) | loading
        for tenant, client_id in list(self._records):
            if tenant == tenant_id and client_id not in connected:
                del self._records[tenant, client_id]  # loaded again when somebody comes
        for client_id in connected:
            record = await self._load(tenant_id, client_id, again=True)
            for policy_id, version in (record.versions() if record else {}).items():
                versions[policy_id] = min(version, versions.get(policy_id, version))
        if connected:
            self._connected.apply_change(tenant_id)
            log.info(
                "control_data_reloaded", tenant=tenant_id, clients=len(connected), seconds=time.monotonic() - started
            )
        return versions

    async def _load(self, tenant_id: str, client_id: str, *, again: bool) -> ClientRecord | None:
        """One at a time for a client: of many handshakes at once the first loads, and an older answer never wins."""
        key = tenant_id, client_id
        async with self._loading.setdefault(key, asyncio.Lock()):
            if not again and key in self._records:
                return self._records[key]
            try:
                record = await load_record(self._redis, tenant_id, client_id)
            except RecordsMissing:
                await self._rebuild(tenant_id)
                record = await load_record(self._redis, tenant_id, client_id)
            self._revoked[tenant_id] = await load_revoked_tokens(self._redis, tenant_id)
            self._records.pop(key, None)
            if record is not None:
                self._make_room()
                self._records[key] = record
            return record

    def _make_room(self) -> None:
        """Forget somebody who is not here; who is here must hear of changes."""
        if len(self._records) >= MOST_RECORDS:
            absent = next((key for key in self._records if not self._connected.is_here(key)), None)
            if absent is not None:
                del self._records[absent]

    async def _rebuild(self, tenant_id: str) -> None:
        """Have the tenant's records written again; one rebuild serves all that wait for it."""
        task = self._rebuilding.get(tenant_id)
        if task is None:
            task = asyncio.create_task(self._rebuild_in_thread(tenant_id), name=f"rebuild of {tenant_id}")
            self._rebuilding[tenant_id] = task
            task.add_done_callback(lambda _: self._rebuilding.pop(tenant_id, None))
        await asyncio.shield(task)

    async def _rebuild_in_thread(self, tenant_id: str) -> None:
        async with asyncio.timeout(REBUILD_SECONDS):
            # It gives the thread's database connection back: the pool has fewer than there are threads.
            await database_sync_to_async(publish_records, thread_sensitive=False)(UUID(tenant_id))
