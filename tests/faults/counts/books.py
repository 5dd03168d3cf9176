"""Who sends, what the simulator counted of it, what the database says, and where the two differ."""

import json
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

from django.db.models import Sum

from relay.models.rollups import Granularity, TrafficRollup
from relay.store.client_records import ClientRecord, replace_records
from tenants.encryption import CredentialSecret
from tests.faults.counts.sender import CLOSE, HEADER_BYTES
from tests.relay import records

TENANTS, CLIENTS_OF_EACH, CHANNELS = ("acme", "umbrella"), 2, ("orders", "events")
TIMEOUT_SECONDS = 60
SECRET = "for-tests-only"  # noqa: S105 - guards nothing
Whose = tuple[str, str, str]  # ids of tenant, client and channel


class Count(NamedTuple):
    """Messages, and their bytes as they stand on the wire between a client and the relay, Close frames too."""

    messages: int
    wire_bytes: int


@dataclass(frozen=True, slots=True)
class Books:
    """A simulator, and the clients that send to it. Each has a credential of its own there, named like the client."""

    port: int
    owner_of: Mapping[tuple[str, str], Whose]  # by client and the channel's name
    connections: list[tuple[str, str]]

    def messages(self) -> int:
        """How many messages the simulator has counted so far."""
        return int(self._stats()["overall"]["messages"])

    def open_connections(self) -> int:
        """How many connections it has open."""
        return int(self._stats()["connections"]["open"])

    def counted(self) -> dict[Whose, Count]:
        """What it counted, connection by connection, added up by whose they are."""
        totals: dict[Whose, Count] = defaultdict(lambda: Count(0, 0))
        for row in self._stats()["by_connection"]:
            whose = self.owner_of[row["credential"], row["channel"]]
            close_bytes = len(CLOSE) if row["close_code"] == 1000 else 0
            wire_bytes = row["bytes"] + row["messages"] * HEADER_BYTES + close_bytes
            messages, so_far = totals[whose]
            totals[whose] = Count(messages + row["messages"], so_far + wire_bytes)
        return dict(totals)

    def received_at(self) -> list[float]:
        """When each of the last 100,000 messages came, in Unix seconds."""
        with self._ask("received") as answer:
            return [json.loads(line)["received_at"] for line in answer]

    def _stats(self) -> Any:  # noqa: ANN401 - JSON
        with self._ask("stats") as answer:
            return json.load(answer)

    def _ask(self, question: str) -> Any:  # noqa: ANN401 - typeshed says the same of urlopen
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/control/{question}", timeout=TIMEOUT_SECONDS)


def open_books(port: int, connections_of_each: int) -> Books:
    """Let a simulator know the credentials of two tenants' clients, and relays know the clients."""
    owner_of: dict[tuple[str, str], Whose] = {}
    connections = []
    for slug in TENANTS:
        tenant_id = str(uuid4())
        clients = [_client(port, slug, tenant_id) for _ in range(CLIENTS_OF_EACH)]
        replace_records(tenant_id, clients)
        for client in clients:
            for channel in client.channels:
                owner_of[client.client_id, channel.name] = tenant_id, client.client_id, channel.id
            authorization = f"Bearer {records.token_of(client)}"
            connections += [(authorization, name) for name in CHANNELS] * connections_of_each
    return Books(port, owner_of, connections)


def _client(port: int, tenant_slug: str, tenant_id: str) -> ClientRecord:
    url, client_id = f"http://127.0.0.1:{port}", str(uuid4())
    credential = CredentialSecret(client_id=client_id, client_secret=SECRET)
    told = {"platform": "genesys", "client_id": client_id, "client_secret": credential.client_secret}
    request = urllib.request.Request(f"{url}/control/credentials", json.dumps(told).encode())  # noqa: S310 - http, above
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 - as above
        account = records.with_credential(records.platform_connection(url), credential)
    changes = {"client_id": client_id, "tenant_id": tenant_id, "tenant_slug": tenant_slug}
    return records.client(account, channels=tuple(records.channel(account, name) for name in CHANNELS), **changes)


def rolled_up(granularity: Granularity) -> dict[Whose, Count]:
    """What the database says that clients sent, over all periods of one granularity."""
    sent = TrafficRollup.objects.filter(granularity=granularity, direction="to_platform").order_by()
    sums = sent.values_list("tenant_id", "client_id", "channel_id").annotate(Sum("messages"), Sum("bytes"))
    return {(str(tenant), client, str(channel)): Count(*count) for tenant, client, channel, *count in sums}


def messages_rolled_up() -> int:
    """How many messages the database says that clients sent, by its minutes."""
    return sum(count.messages for count in rolled_up(Granularity.MINUTE).values())


def differences(counted: Mapping[Whose, Count]) -> list[str]:
    """Where the database says something else than the simulator counted, in minutes, hours and days."""
    return [difference for granularity in Granularity for difference in _differing(counted, granularity)]


def _differing(counted: Mapping[Whose, Count], granularity: Granularity) -> Iterator[str]:
    stored, nothing = rolled_up(granularity), Count(0, 0)
    for whose in sorted(counted.keys() | stored.keys()):
        came, said = counted.get(whose, nothing), stored.get(whose, nothing)
        if came != said:
            yield f"{'/'.join(whose)} by {granularity}: {came} came, the database says {said}"
