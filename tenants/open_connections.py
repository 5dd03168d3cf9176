"""How many connections a change of control data would end, as relays tell."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from relay.store.open_connections import read_open
from relay.store.pool import StoreUnavailable


@dataclass(frozen=True, slots=True)
class OpenNow:
    """The open connections of one tenant; ``counts`` is nothing where Redis does not answer."""

    counts: Counter[tuple[str, str]] | None

    def sentence(self, *, channels: Collection[UUID] | None = None, client_id: str | None = None) -> str:
        """Say how many of them are on these channels and of this client; without either, of all."""
        if self.counts is None:
            return "Redis does not answer, so nobody can tell how many connections are open."
        names = None if channels is None else {str(channel) for channel in channels}
        count = sum(
            count
            for (channel_id, holder_id), count in self.counts.items()
            if (names is None or channel_id in names) and client_id in (None, holder_id)
        )
        return "No connection is open now." if not count else f"Open now: {count:,}."


def open_now(tenant_id: UUID) -> OpenNow:
    """Ask for a tenant's open connections."""
    try:
        return OpenNow(read_open(str(tenant_id)))
    except StoreUnavailable:
        return OpenNow(None)
