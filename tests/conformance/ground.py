"""What the rows run on: a strict echo, a relay with a Redis of its own, and clients that the one leads to the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.test import override_settings

from relay.store.client_records import ClientRecord, replace_records
from relay.store.pool import blocking
from relay.throttle.policy import ZonePolicy
from tests.conformance.conversation import Endpoint
from tests.conformance.strict_echo import StrictEcho, strict_echo
from tests.relay import records
from tests.relay.running import HOST, RunningRelay, running_relay
from tests.relay.store.own_server import OwnServer

MIB = 1024 * 1024
LARGEST_MESSAGE_BYTES = 16 * MIB  # of the echo, whatever the relay's own is
LIFTED = {"LARGEST_MESSAGE_BYTES": LARGEST_MESSAGE_BYTES, "MOST_FRAGMENTS": 1_000_000}
"""The profile that lifts the relay's caps, with clients that have no zones."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Both ways to the same echo."""

    echo: StrictEcho
    relay: RunningRelay

    @property
    def direct(self) -> Endpoint:
        """Without the relay."""
        return Endpoint(self.echo.port)

    def client(self, *zones: ZonePolicy) -> ClientRecord:
        """A new client of the relay, held to ``zones``."""
        sockets = f"ws://{HOST}:{self.echo.port}/v2/websocket/{{channel}}"
        leads_there = records.platform_connection(self.echo.token_issuer_url, socket_url=sockets)
        record = records.client(leads_there, policies=(records.policy(*zones),) if zones else ())
        replace_records(record.tenant_id, [record])
        return record

    def relayed(self, client: ClientRecord) -> Endpoint:
        """Through the relay."""
        return Endpoint(self.relay.port, f"Authorization: Bearer {records.token_of(client)}\r\n")


@contextmanager
def prepared_ground(**caps: int) -> Iterator[Ground]:
    """All of it, for as long as the block lasts; ``caps`` are settings of the relay."""
    redis = OwnServer()
    redis.start()
    try:
        with override_settings(REDIS_URL=redis.url), strict_echo(LARGEST_MESSAGE_BYTES) as echo:
            blocking.cache_clear()
            with running_relay(redis.url, **caps) as relay:
                yield Ground(echo, relay)
            blocking().close()
    finally:
        blocking.cache_clear()
        redis.end()
