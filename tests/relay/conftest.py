"""A running relay, a simulator that stands in for the platforms, and clients of the one that lead to the other."""

import ssl
from contextlib import AsyncExitStack
from pkgutil import resolve_name

import pytest
import pytest_asyncio
from floodgate_simulator.application import running_simulator
from floodgate_simulator.settings import Settings

from relay.store.pool import blocking, on_loop
from tests.bench.ground.certificates import make_certificates
from tests.relay import records
from tests.relay.integration import Integration
from tests.relay.raw_platform import raw_platform, switching
from tests.relay.running import running_relay
from tests.relay.store.own_server import OwnServer

NOTHING_LISTENS = "redis://:canary-password@127.0.0.1:1/0"
RELAYS_DATABASE = 8  # apart from that of other tests: a relay writes telemetry every second


@pytest.fixture(scope="session")
def relays_redis_url(redis_url):
    """Where the relay of this test process keeps what it knows."""
    address, _, database = redis_url.rpartition("/")
    return f"{address}/{int(database) + RELAYS_DATABASE}"


@pytest.fixture(scope="session")
def lasting_relay(relays_redis_url):
    """One relay for all tests that do not stop it: each brings a tenant of its own."""
    with running_relay(relays_redis_url) as running:
        yield running


@pytest.fixture
def replaced(monkeypatch):
    """Replaces what a path names: what takes half a minute, or code of ours that never fails and must for once."""

    def replace(path, instead):
        owner, _, name = path.replace(":", ".").rpartition(".")
        monkeypatch.setattr(resolve_name(owner), name, instead)

    return replace


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """An authority that nobody knows, and its certificate for this machine."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def trust(certificates):
    """What a client of the relay trusts."""
    return ssl.create_default_context(cafile=certificates.authority)


@pytest.fixture(scope="session")
def tls_relay(relays_redis_url, certificates):
    """A relay that speaks TLS."""
    files = {"TLS_CERTIFICATE_FILE": str(certificates.certificate), "TLS_KEY_FILE": str(certificates.key)}
    with running_relay(relays_redis_url, **files) as running:
        yield running


@pytest.fixture
def store(relays_redis_url, settings):
    """The Redis of the lasting relay, for what is called in tests."""
    settings.REDIS_URL = relays_redis_url
    blocking.cache_clear()
    yield blocking()
    blocking().close()
    blocking.cache_clear()


@pytest.fixture
def own_server(settings):
    """A Redis that the test may ill-treat, and that the code under test uses."""
    server = OwnServer()
    settings.REDIS_URL = server.url
    blocking.cache_clear()
    server.start()
    yield server
    blocking().close()
    blocking.cache_clear()
    server.end()


@pytest.fixture
def no_redis(settings):
    """No Redis, for the code under test."""
    settings.REDIS_URL = NOTHING_LISTENS
    blocking.cache_clear()
    yield
    blocking.cache_clear()


@pytest_asyncio.fixture
async def redis_on_loop():
    """Opens Redis for the test's own loop, by the settings of that moment."""
    opened = on_loop()
    yield opened
    await opened.aclose()


@pytest.fixture
def relay(lasting_relay, store):
    """A running relay, whose Redis is also the test's."""
    return lasting_relay


@pytest_asyncio.fixture
async def simulator_of():
    """Starts simulators with any settings."""
    async with AsyncExitStack() as stack:

        async def start(**options):
            settings = Settings(**{"connections_per_token": 10_000} | options)
            return await stack.enter_async_context(running_simulator(settings=settings))

        yield start


@pytest_asyncio.fixture
async def simulator(simulator_of):
    """A simulator that limits nothing."""
    return await simulator_of()


@pytest_asyncio.fixture
async def integration_of(relay, simulator):
    """Makes clients; what is given changes their records."""
    async with AsyncExitStack() as stack:

        def make(at=None, **changes):
            return Integration(at or relay, changes.pop("simulator", simulator), stack, **changes)

        yield make


@pytest_asyncio.fixture
async def integration(integration_of):
    """A client without limits."""
    return integration_of()


@pytest_asyncio.fixture
async def raw_platform_of():
    """Starts platforms of bare bytes, which answer handshakes as they are told."""
    async with AsyncExitStack() as stack:

        async def start(answer=switching):
            return await stack.enter_async_context(raw_platform(answer))

        yield start


@pytest_asyncio.fixture
async def bare(integration_of, raw_platform_of, simulator):
    """Connects a client to a platform of bare bytes, and gives both ends."""

    async def connect(answer=switching, headers="", buffer_bytes=0, at=None, **changes):
        platform = await raw_platform_of(answer)
        leads_there = records.platform_connection(simulator.url, socket_url=platform.url)
        integration = integration_of(at, platform_connection=leads_there, **changes)
        client = await integration.connect_raw(headers=headers, buffer_bytes=buffer_bytes)
        return client, await platform.connection()

    return connect
