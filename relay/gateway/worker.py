"""What one relay process holds: started and ended with it, and reached by consumers through their scope's state."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from relay.gateway.admission import Admission
from relay.gateway.authentication import Identity, TokenVerifier
from relay.gateway.policies import ClientKey, Policies
from relay.process.resources import Resources
from relay.process.watchdog import Watchdog
from relay.protocol.close_codes import CloseCode, close_reason
from relay.sharing.place import Place
from relay.sharing.sharing import Sharing
from relay.splicing.bounds import Bounds
from relay.splicing.session import Session, Surroundings
from relay.store.client_records import ClientRecord
from relay.telemetry.counters import Counters
from relay.upstream.tokens import PlatformTokens, http_session


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """One open connection, and what it must be held to when its client's record changes."""

    identity: Identity
    record: ClientRecord  # by which it was let in
    channel: str
    place: Place
    session: Session


class Worker:
    """The parts of one relay process, made inside its event loop."""

    def __init__(self) -> None:
        """Make all parts; background.py starts and ends what runs beside the connections."""
        self.counters = Counters()
        self.around = Surroundings(self.counters, _bounds())
        self.sharing = Sharing(self.around.room)
        self.name, self.redis = self.sharing.worker, self.sharing.redis
        self.tasks = self.sharing.tasks
        self.http = http_session()
        self.verifier = TokenVerifier(settings.VERIFICATION_KEYS, settings.WEB_URL)
        self.policies = Policies(self.redis, self.name, self)
        self.platform_tokens = PlatformTokens(self.http, self.counters.platform_faults)
        address_limit = settings.ADDRESS_HANDSHAKE_PERMITS, settings.ADDRESS_HANDSHAKE_BURST
        self.admission = Admission(*address_limit, self.counters, self.sharing, self.platform_tokens.isolated)
        self.resources = Resources(settings.MEMORY_LIMIT_BYTES)
        self.watchdog = Watchdog()
        self.connections: set[Connection] = set()
        self._here: dict[str, dict[str, int]] = {}  # by tenant and client: connections, and handshakes under way
        self._connections_of: dict[str, set[Connection]] = {}  # by tenant
        self.is_draining = False
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    @contextmanager
    def here(self, identity: Identity) -> Iterator[None]:
        """Count a client among those whose records are kept up to date, from its handshake to its end."""
        tenant_id, client_id = identity.tenant_id, identity.client_id
        clients = self._here.setdefault(tenant_id, {})
        clients[client_id] = clients.get(client_id, 0) + 1
        try:
            yield
        finally:
            clients[client_id] -= 1
            if not clients[client_id]:
                del clients[client_id]
            if not clients:
                del self._here[tenant_id]

    @contextmanager
    def connected(self, connection: Connection) -> Iterator[None]:
        """Count a connection among the open ones, and hold it to what changed while it was being opened."""
        owner = connection.identity.tenant_id, connection.identity.client_id
        self.connections.add(connection)
        of_tenant = self._connections_of.setdefault(owner[0], set())
        of_tenant.add(connection)
        self._is_empty.clear()
        self.counters.connection_opened(*owner, connection.place.channel_id)
        try:
            if self.policies.known(connection.identity) is not connection.record:
                self._hold_to_record(connection)
            if self.is_draining:
                connection.session.close(CloseCode.SERVICE_RESTART, close_reason("drain"))
            yield
        finally:
            self.connections.discard(connection)
            of_tenant.discard(connection)
            if not of_tenant:
                del self._connections_of[owner[0]]
            self.counters.connection_closed(*owner, connection.place.channel_id)
            if not self.connections:
                self._is_empty.set()

    def take_turn(self, go: Callable[[], None]) -> None:
        """Have ``go`` called in a turn of the event loop that no other handshake and no flood has."""
        self.around.room.turns.join(go)

    def refuses(self, newcomers: int) -> str:
        """What is short for one more connection, where so many have not been decided on: see Resources."""
        return self.resources.refuses(newcomers + 2 * len(self.connections), newcomers)

    async def wait_until_empty(self) -> None:
        """Wait until no connection is open."""
        await self._is_empty.wait()

    def clients_of(self, tenant_id: str) -> set[str]:
        """Ids of the tenant's clients that have a connection here, or shake hands."""
        return set(self._here.get(tenant_id, ()))

    def connections_of(self, tenant_id: str) -> list[Connection]:
        """The tenant's open connections: where all tenants reload, nobody looks through everybody's for each."""
        return list(self._connections_of.get(tenant_id, ()))

    def is_here(self, client: ClientKey) -> bool:
        """Tell whether a client has a connection here, or shakes hands."""
        tenant_id, client_id = client
        return client_id in self._here.get(tenant_id, ())

    def apply_change(self, tenant_id: str) -> None:
        """Hold the tenant's connections to the records as they are now."""
        for connection in self.connections_of(tenant_id):
            with connection.session.failing_alone("policy change"):
                self._hold_to_record(connection)

    def _hold_to_record(self, connection: Connection) -> None:
        identity, session = connection.identity, connection.session
        record = self.policies.known(identity)
        if record is not None:
            self.counters.names.learn(record)
        if record is None or not self.policies.is_valid(identity, record):
            session.close(CloseCode.TOKEN_REVOKED, close_reason("token_revoked"))
        elif not record.tenant_is_active:
            session.close(CloseCode.SUSPENDED, close_reason("tenant_suspended"))
        else:
            self._hold_to_channel(connection, record)

    def _hold_to_channel(self, connection: Connection, record: ClientRecord) -> None:
        channel = next((channel for channel in record.channels if channel.name == connection.channel), None)
        if channel is None or (channel.scope and channel.scope not in connection.identity.scopes):
            connection.session.close(CloseCode.CHANNEL_FORBIDDEN, close_reason("channel_forbidden"))
        elif not channel.platform_connection.is_active:
            connection.session.close(CloseCode.PLATFORM_LOST, close_reason("platform_connection_paused"))
        elif channel.platform_connection.credential(connection.place.credential_id) is None:
            connection.session.close(CloseCode.PLATFORM_LOST, close_reason("platform_credential_withdrawn"))
        else:
            connection.session.adopt(self.admission.limits(record, channel, connection.place.scope_ids))


def _bounds() -> Bounds:
    return Bounds(
        largest_message_bytes=settings.LARGEST_MESSAGE_BYTES,
        most_fragments=settings.MOST_FRAGMENTS,
        slow_reader_seconds=settings.SLOW_READER_SECONDS,
        idle_seconds=settings.IDLE_SECONDS,
    )
