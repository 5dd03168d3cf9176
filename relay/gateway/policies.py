"""The snapshot cache: what this process knows of clients, and how a change reaches connections that are open.

Records come from Redis; where Redis has none they are rebuilt from the database, in a thread.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Protocol
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from channels.db import database_sync_to_async

from relay.gateway.authentication import Identity
from relay.gateway.reloading import UNAVAILABLE, Reloading
from relay.protocol.denials import Denied, token_invalid, unavailable
from relay.store.client_records import ClientRecord, RecordsMissing, load_record
from relay.store.pool import RedisOnLoop
from relay.store.receipts import Receipts
from relay.store.revocations import load_revoked_tokens
from tenants.snapshots import publish_records

log = structlog.get_logger()
REBUILD_SECONDS = 5.0
MOST_RECORDS = 20_000
LOOKED_AT = 16  # records, where one must be evicted: each of a connected client is looked at last then
RELOADS_AT_ONCE = 4  # reads from Redis: half of its connections, so that handshakes find others
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


class KnownTenant:
    """A tenant of which records are held or being loaded; without any, nothing of it is kept.

    Attributes:
        clients: whose records are held.
        loading: whose records are being loaded, one at a time each.
        revoked: ids of revoked tokens.
        revoked_as_of: the number of the question that ``revoked`` answers.
        uses: loads and reloads under way.
    """

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.clients: set[str] = set()
        self.loading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.revoked: frozenset[str] = frozenset()
        self.revoked_as_of = 0
        self.uses = 0


class Policies:
    """Client records and revocations as last heard, and who must be told when they change."""

    def __init__(self, redis_on_loop: RedisOnLoop, worker: str, connected: Connected) -> None:
        """Tell ``connected`` after a tenant's records were loaded again, and the store what ``worker`` enforces."""
        self.most_records = MOST_RECORDS
        self.rebuild_seconds = REBUILD_SECONDS
        self._redis = redis_on_loop
        self._connected = connected
        self._records: dict[ClientKey, ClientRecord] = {}
        self._tenants: dict[str, KnownTenant] = {}
        self._questions = itertools.count(1)
        self._reload_turns = asyncio.Semaphore(RELOADS_AT_ONCE)
        self._receipts = Receipts(redis_on_loop, worker)
        self._reloading = Reloading(self._reload, self._tenants.keys(), self._receipts)
        self._rebuilding: dict[str, asyncio.Task[None]] = {}

    async def client_of(self, identity: Identity) -> ClientRecord:
        """The record of the client that a token names.

        Raises:
            Denied: the client is gone or disabled, the token was revoked, or nobody can tell.
        """
        record = self.known(identity)
        if record is None:
            try:
                record = await self._load(identity.tenant_id, identity.client_id)
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
        """Tell whether a token of the client, whose record is held, still counts."""
        tenant = self._tenants.get(identity.tenant_id)
        is_revoked = tenant is not None and identity.token_id in tenant.revoked
        return record.is_active and not is_revoked and identity.issued_at >= record.tokens_valid_from

    @property
    def held(self) -> tuple[int, int]:
        """How many records are held, and of how many tenants."""
        return len(self._records), len(self._tenants)

    async def follow(self) -> None:
        """Reload what is announced as changed, for ever."""
        await self._reloading.follow()

    async def confirm(self) -> None:
        """Say which versions are enforced, for ever. Apart from ``follow``: nothing waits for it."""
        await self._receipts.send_for_ever()

    async def _reload(self, tenant_id: str) -> dict[str, int]:
        """Load again what is held of a tenant, and return the lowest version of each policy that clients are held to.

        Revoked tokens come first, and hold even where the records can't be loaded: the former records stay then.
        """
        started = time.monotonic()
        versions: dict[str, int] = {}
        with self._use(tenant_id) as tenant:
            here = self._connected.clients_of(tenant_id) | set(tenant.loading)  # perhaps what was there before
            for client_id in tenant.clients - here:
                self._forget(tenant_id, client_id)  # loaded again when somebody comes
            if not here:
                return versions
            async with self._reload_turns:
                await self._load_revoked(tenant_id, tenant)
            try:
                for client_id in here:
                    record = await self._load(tenant_id, client_id, again=True)
                    for policy_id, version in (record.versions() if record else {}).items():
                        versions[policy_id] = min(version, versions.get(policy_id, version))
            finally:
                self._connected.apply_change(tenant_id)
        log.info("control_data_reloaded", tenant=tenant_id, clients=len(here), seconds=time.monotonic() - started)
        return versions

    async def _load(self, tenant_id: str, client_id: str, *, again: bool = False) -> ClientRecord | None:
        """One at a time for a client: of many handshakes at once the first loads, and an older answer never wins.

        ``again`` loads what is held already, in turns with other reloads.
        """
        key = tenant_id, client_id
        with self._use(tenant_id) as tenant:
            async with tenant.loading.setdefault(client_id, asyncio.Lock()):
                if not again and key in self._records:
                    return self._records[key]
                record = await self._read(tenant_id, client_id, self._reload_turns if again else nullcontext())
                if not again:
                    await self._load_revoked(tenant_id, tenant)
                self._forget(tenant_id, client_id)
                if record is not None:
                    self._make_room()
                    self._records[key] = record
                    tenant.clients.add(client_id)
                return record

    async def _read(
        self, tenant_id: str, client_id: str, turn: asyncio.Semaphore | nullcontext[None]
    ) -> ClientRecord | None:
        try:
            async with turn:
                return await load_record(self._redis, tenant_id, client_id)
        except RecordsMissing:
            await self._rebuild(tenant_id)
        async with turn:
            return await load_record(self._redis, tenant_id, client_id)

    async def _load_revoked(self, tenant_id: str, tenant: KnownTenant) -> None:
        """Load the revoked tokens; the answer to an earlier question never replaces that to a later one.

        An empty list takes nothing away: Redis may have lost it, and while the database is away nobody builds it again.
        """
        question = next(self._questions)
        revoked = await load_revoked_tokens(self._redis, tenant_id)
        if question > tenant.revoked_as_of:
            tenant.revoked, tenant.revoked_as_of = revoked or tenant.revoked, question

    @contextmanager
    def _use(self, tenant_id: str) -> Iterator[KnownTenant]:
        """Keep what is known of a tenant during the block, and afterwards if records of it are held."""
        tenant = self._tenants.setdefault(tenant_id, KnownTenant())
        tenant.uses += 1
        try:
            yield tenant
        finally:
            tenant.uses -= 1
            self._forget_unused(tenant_id, tenant)

    def _forget_unused(self, tenant_id: str, tenant: KnownTenant) -> None:
        if not tenant.uses and not tenant.clients:
            del self._tenants[tenant_id]

    def _forget(self, tenant_id: str, client_id: str) -> None:
        """Forget a client's record, if one is held, and with the last one its tenant."""
        if self._records.pop((tenant_id, client_id), None) is not None:
            tenant = self._tenants[tenant_id]
            tenant.clients.discard(client_id)
            self._forget_unused(tenant_id, tenant)

    def _make_room(self) -> None:
        """Evict clients that are not here, from the oldest record on. Who is here must hear of changes."""
        if len(self._records) < self.most_records:
            return
        for key in list(itertools.islice(self._records, LOOKED_AT)):
            if not self._connected.is_here(key):
                self._forget(*key)
                return
            self._records[key] = self._records.pop(key)

    async def _rebuild(self, tenant_id: str) -> None:
        """Have the tenant's records written again, in one thread for all that wait for it, however long it takes.

        Raises:
            TimeoutError: it takes longer than a handshake can wait.
        """
        task = self._rebuilding.get(tenant_id)
        if task is None:
            # It gives the thread's database connection back: the pool has fewer than there are threads.
            in_thread = database_sync_to_async(publish_records, thread_sensitive=False)
            task = asyncio.create_task(in_thread(UUID(tenant_id)), name=f"rebuild of {tenant_id}")
            self._rebuilding[tenant_id] = task
            task.add_done_callback(lambda done: self._forget_rebuild(tenant_id, done))
        async with asyncio.timeout(self.rebuild_seconds):
            await asyncio.shield(task)

    def _forget_rebuild(self, tenant_id: str, task: asyncio.Task[None]) -> None:
        del self._rebuilding[tenant_id]
        if not task.cancelled():
            task.exception()  # those that wait log it; if all have left, nobody misses it
