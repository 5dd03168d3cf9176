"""A relay, its platforms and a neighbour who talks all the time: whatever sessions do, these must never notice."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from floodgate_simulator.application import running_simulator
from floodgate_simulator.settings import Settings

from relay.gateway import background
from relay.store.announcements import announce
from relay.store.client_records import ClientRecord, PlatformConnectionRecord, replace_records
from relay.throttle.policy import PolicySnapshot
from tests.bench.ground.certificates import Certificates, make_certificates
from tests.faults.sessions.endpoint import Endpoint
from tests.relay import records
from tests.relay.eventually import eventually, turns
from tests.relay.integration import PATIENCE_SECONDS, RawConnection, drop, raw_connection
from tests.relay.opening import upgrade_request
from tests.relay.raw_platform import RawPlatform, switching
from tests.relay.running import HOST, RunningRelay, running_relay

PATH = "/v2/websocket/orders"
SWITCHING_PROTOCOLS = 101
uvloop.new_event_loop().close()  # libuv keeps two pipes for signals, once a process: no test shall find them left over
BUFFER_BYTES = 2**14  # an endpoint that stops reading is soon felt by whoever sends to it
CONTROL_SECONDS = 2.0  # promised within one; tests share two cores


class Complaints(logging.Handler):
    """All errors that somebody logged: in a relay that works, there are none."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what it says, with the traceback."""
        self.lines.append(self.format(record))

    def taken(self) -> list[str]:
        """Those that came since somebody last took them."""
        lines, self.lines = self.lines, []
        return lines


@dataclass(frozen=True, slots=True)
class Stage:
    """One relay, plain or with TLS on both sides, and where platforms' tokens come from."""

    relay: RunningRelay
    tokens_url: str
    certificates: Certificates | None = None
    complaints: Complaints = field(default_factory=Complaints)

    @asynccontextmanager
    async def platform(self) -> AsyncIterator[RawPlatform]:
        """A platform of bare bytes, which answers each handshake with 101."""
        platform, writers = RawPlatform(switching), list[asyncio.StreamWriter]()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            with suppress(asyncio.IncompleteReadError, OSError):
                await platform.take(reader, writer)

        server = await asyncio.start_server(take, HOST, 0, limit=BUFFER_BYTES, ssl=self._server_context())
        server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)  # its connections inherit it
        platform.port = server.sockets[0].getsockname()[1]
        try:
            yield platform
        finally:
            server.close()
            for writer in writers:
                await drop(writer)

    def platform_connection(self, platform: RawPlatform) -> PlatformConnectionRecord:
        """An account on that platform."""
        secure = "s" if self.certificates else ""
        authority = self.certificates.authority.read_text() if self.certificates else ""
        socket_url = f"ws{secure}://{HOST}:{platform.port}/{{channel}}"
        return records.platform_connection(self.tokens_url, socket_url=socket_url, ca_certificate=authority)

    async def open(self, record: ClientRecord, **claims: object) -> tuple[int, RawConnection]:
        """Shake hands as a client; gives the status, and the connection, which is the caller's to end."""
        context = ssl.create_default_context(cafile=self.certificates.authority) if self.certificates else None
        raw = await raw_connection(self.relay.port, BUFFER_BYTES, context)
        raw.writer.write(upgrade_request(PATH, f"Authorization: Bearer {records.token_of(record, **claims)}\r\n"))
        try:
            return await raw.read_status(), raw
        except BaseException:
            await drop(raw.writer)
            raise

    def held(self, record: ClientRecord) -> int:
        """How many connections of a client the relay still has."""
        connections = list(self.relay.worker.connections)
        return sum(one.identity.client_id == record.client_id for one in connections)

    @property
    def waiting(self) -> int:
        """How many messages stand in line in the whole relay."""
        return len(self.relay.worker.around.room)

    async def tasks(self) -> set[str]:
        """Names of all tasks of the relay's loop."""
        loop, found = self.relay.server.servers[0].get_loop(), asyncio.get_running_loop().create_future()
        here = asyncio.get_running_loop()

        def look() -> None:
            names = [task.get_name() for task in asyncio.all_tasks(loop)]
            here.call_soon_threadsafe(found.set_result, names)

        loop.call_soon_threadsafe(look)
        return set(await found)

    async def forgets(self, before: set[str]) -> None:
        """Wait until no named task is left that was not there before."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(not name.startswith("Task-") for name in await self.tasks() - before):
                await turns(0.02)

    def _server_context(self) -> ssl.SSLContext | None:
        if self.certificates is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates.certificate, self.certificates.key)
        return context


class Tenant:
    """One client of a tenant of its own on one platform; its records are changed as tenants' actions change them."""

    def __init__(self, stage: Stage, platform: RawPlatform, *policies: PolicySnapshot) -> None:
        """Let the relay know it."""
        self.stage, self._platform = stage, platform
        self.record = records.client(stage.platform_connection(platform), policies=policies)
        replace_records(self.record.tenant_id, [self.record])

    def change(self, **fields: Any) -> None:  # noqa: ANN401 - a record's fields
        """Change the record, and tell the relay."""
        self.record = msgspec.structs.replace(self.record, **fields)
        replace_records(self.record.tenant_id, [self.record])
        announce(self.record.tenant_id)

    async def connect(self, *, acknowledges: bool = False) -> "Conversation | None":
        """Open a connection, with the endpoints of both sides; nothing where the relay refuses."""
        status, raw = await self.stage.open(self.record)
        if status != SWITCHING_PROTOCOLS:
            await drop(raw.writer)
            return None
        platform = await self._platform.connection()
        ends = Endpoint(raw, is_client=True), Endpoint(platform, is_client=False, acknowledges=acknowledges)
        return Conversation(*ends)


@dataclass(slots=True)
class Conversation:
    """Both ends of one connection through the relay."""

    client: Endpoint
    platform: Endpoint

    @property
    def wrong(self) -> str:
        """What must not have come, at one of the ends."""
        return self.client.wrong or self.platform.wrong

    @property
    def has_ended(self) -> bool:
        """One of the ends was told so, or has met the end of its socket."""
        return any(end.is_over or end.closed_with for end in (self.client, self.platform))

    @property
    def has_all(self) -> bool:
        """Whatever one end sent has come to the other."""
        return self.client.sent == self.platform.received and self.platform.sent == self.client.received

    async def gone(self) -> None:
        """Reset both ends."""
        await self.client.gone()
        await self.platform.gone()


class Neighbour:
    """Somebody else's connection, which is answered at once whatever happens beside it."""

    def __init__(self, tenant: Tenant, conversation: Conversation) -> None:
        """Talk in that conversation."""
        self.tenant, self._conversation = tenant, conversation

    async def talks(self) -> None:
        """Send a message, and have its acknowledgement."""
        client = self._conversation.client
        expected = client.received + 1
        client.send(1, 100)
        await eventually(lambda: client.received >= expected or client.wrong or client.is_over, CONTROL_SECONDS)
        assert not self._conversation.wrong
        assert not client.is_over, "the neighbour's connection ended"

    async def hears_of_changes(self) -> None:
        """A change of the neighbour's record comes to be in force: the relay's control goes on."""
        worker, record = self.tenant.stage.relay.worker, self.tenant.record
        self.tenant.change(weight=1 + record.weight % 9)
        wanted = self.tenant.record.weight
        await eventually(
            lambda: any(
                known is not None and known.weight == wanted
                for one in list(worker.connections)
                if one.identity.client_id == record.client_id
                for known in [worker.policies.known(one.identity)]
            ),
            CONTROL_SECONDS,
        )


@asynccontextmanager
async def staged(kind: str, redis_url: str, folder: Path) -> AsyncIterator[Stage]:
    """A stage, ``plain`` or with ``tls`` on both sides, whose relay looks at its sessions ten times as often."""
    certificates = make_certificates(folder) if kind == "tls" else None
    names = {"TLS_CERTIFICATE_FILE": "certificate", "TLS_KEY_FILE": "key"} if certificates else {}
    files = {setting: str(getattr(certificates, name)) for setting, name in names.items()}
    complaints, usual = Complaints(), background.INSPECT_SECONDS
    background.INSPECT_SECONDS = usual / 10
    logging.getLogger().addHandler(complaints)
    try:
        async with running_simulator(settings=Settings(port=0, connections_per_token=10_000)) as simulator:
            with running_relay(redis_url, **files) as relay:
                yield Stage(relay, simulator.url, certificates, complaints)
    finally:
        logging.getLogger().removeHandler(complaints)
        background.INSPECT_SECONDS = usual


@asynccontextmanager
async def neighbour_on(stage: Stage) -> AsyncIterator[Neighbour]:
    """A neighbour with an open connection, as long as the block runs."""
    async with stage.platform() as platform:
        tenant = Tenant(stage, platform)
        conversation = await tenant.connect(acknowledges=True)
        assert conversation is not None
        try:
            yield Neighbour(tenant, conversation)
        finally:
            await conversation.gone()
            await turns(0)
