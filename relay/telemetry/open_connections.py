"""Counts the open connections of one process by tenant, channel and client, and tells Redis what has changed."""

import asyncio
import time
from contextlib import suppress
from itertools import islice

from relay.store.open_connections import tell_open
from relay.store.pool import RedisOnLoop, StoreUnavailable

TELL_SECONDS = 1.0
AGAIN_SECONDS = 60.0  # all are told anew: Redis may have lost them, and forgets whoever is silent
MOST_AT_ONCE = 100  # tenants, in each of TELL_SECONDS: Redis has other things to do


class OpenConnections:
    """How many connections are open; and which tenants' counts nobody was told of since they changed."""

    def __init__(self) -> None:
        """Begin with none."""
        self._counts: dict[str, dict[str, dict[str, int]]] = {}
        self._untold: dict[str, None] = {}  # the first to be told comes first

    def opened(self, tenant_id: str, channel_id: str, client_id: str) -> None:
        """Count one more."""
        clients = self._counts.setdefault(tenant_id, {}).setdefault(channel_id, {})
        clients[client_id] = clients.get(client_id, 0) + 1
        self._untold[tenant_id] = None

    def closed(self, tenant_id: str, channel_id: str, client_id: str) -> None:
        """Count one less; what has none has no entry."""
        channels = self._counts[tenant_id]
        clients = channels[channel_id]
        clients[client_id] -= 1
        if not clients[client_id]:
            del clients[client_id]
        if not clients:
            del channels[channel_id]
        if not channels:
            del self._counts[tenant_id]
        self._untold[tenant_id] = None

    def tell_all_again(self) -> None:
        """Take every tenant for one that nobody was told of."""
        self._untold.update(dict.fromkeys(self._counts))

    async def tell(self, redis_on_loop: RedisOnLoop, worker: str) -> None:
        """Tell of ``MOST_AT_ONCE`` tenants whose counts have changed. Who could not be told of is told next time.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        for tenant_id in list(islice(self._untold, MOST_AT_ONCE)):
            del self._untold[tenant_id]  # before it is told: it may change meanwhile
            try:
                await tell_open(redis_on_loop, worker, tenant_id, self._counts.get(tenant_id, {}))
            except StoreUnavailable:
                self._untold[tenant_id] = None
                raise

    async def tell_for_ever(self, redis_on_loop: RedisOnLoop, worker: str) -> None:
        """Tell once a second what has changed, and of all once a minute."""
        told_all_at = time.monotonic()
        while True:
            if time.monotonic() >= told_all_at + AGAIN_SECONDS:
                told_all_at = time.monotonic()
                self.tell_all_again()
            with suppress(StoreUnavailable):  # whoever asks is told that nobody can tell
                await self.tell(redis_on_loop, worker)
            await asyncio.sleep(TELL_SECONDS)
