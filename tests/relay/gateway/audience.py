"""Who is told by a relay process's cache of client records, and what it is fed with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from relay.gateway.authentication import Identity
from relay.gateway.policies import ClientKey, Policies
from relay.process.tasks import end_tasks
from relay.store.client_records import ClientRecord, replace_records
from relay.store.receipts import Receipt, read_receipts
from tenants.models.clients import OAuthClient
from tests.relay import records
from tests.relay.eventually import eventually

FAR_FUTURE = 4e9


class Audience:
    """Who is connected, and of which tenants' changes it was told."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.connected: dict[str, set[str]] = {}
        self.told: list[str] = []
        self.breaks_at = ""  # a tenant

    def clients_of(self, tenant_id: str) -> set[str]:
        """Ids of the tenant's clients that are here."""
        return self.connected.get(tenant_id, set())

    def is_here(self, client: ClientKey) -> bool:
        """Tell whether one client is here."""
        return client[1] in self.clients_of(client[0])

    def apply_change(self, tenant_id: str) -> None:
        """Remember it.

        Raises:
            KeyError: something is wrong with the tenant.
        """
        if tenant_id == self.breaks_at:
            raise KeyError(tenant_id)
        self.told.append(tenant_id)


def written(**changes: object) -> ClientRecord:
    """A client that Redis knows."""
    record = records.client(records.platform_connection("http://platform.example"), **changes)
    replace_records(record.tenant_id, [record])
    return record


def rewritten(record: ClientRecord, **changes: object) -> ClientRecord:
    """The same client, changed, in Redis; nobody is told."""
    changed = msgspec.structs.replace(record, **changes)
    replace_records(record.tenant_id, [changed])
    return changed


def identity_of(client: ClientRecord | OAuthClient, **changes: object) -> Identity:
    """What a token says of a client."""
    fields: dict[str, Any] = {
        "token_id": "t1",
        "issued_at": FAR_FUTURE - 600,
        "expires_at": FAR_FUTURE,
        "scopes": frozenset(),
    }
    fields |= {"tenant_id": str(client.tenant_id), "client_id": client.client_id}
    return Identity(**(fields | changes))


@asynccontextmanager
async def following(policies: Policies, audience: Audience, *connected: ClientRecord) -> AsyncIterator[None]:
    """Policies that follow announcements and have these clients connected."""
    for record in connected:
        audience.connected.setdefault(record.tenant_id, set()).add(record.client_id)
        await policies.client_of(identity_of(record))
    tasks = [asyncio.create_task(policies.follow()), asyncio.create_task(policies.confirm())]
    try:
        await eventually(lambda: len(audience.told) == len(audience.connected))
        audience.told.clear()
        yield
    finally:
        await end_tasks(tasks)


async def receipt_of(tenant_id: str, entry_id: str) -> Receipt:
    """What the one relay process has confirmed, once it has applied an announcement."""
    found = await eventually(
        lambda: [one for one in read_receipts(tenant_id).receipts.values() if one.entry_id == entry_id]
    )
    return found[0]


def task_names() -> set[str]:
    """What runs on this loop."""
    return {task.get_name() for task in asyncio.all_tasks()}
