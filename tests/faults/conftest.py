"""Real processes: a relay, and a platform that echoes; clients whose records the relay finds in Redis."""

import os
import sys
from contextlib import ExitStack
from uuid import uuid4

import pytest
import pytest_asyncio

from relay.store.client_records import replace_records
from relay.store.pool import blocking
from tests.architecture.sources import ROOT
from tests.bench.ground.program import Program, free_port, running
from tests.faults.ground.leftovers import keys_without_end, none_left, open_files, processes_with
from tests.faults.ground.processes import relay_command, started_relay
from tests.faults.ground.proxy import fault_proxy
from tests.faults.ground.sender import Crowd
from tests.relay import records
from tests.relay.conftest import own_server
from tests.relay.running import free_range

__all__ = ["own_server"]  # a fixture
FAULTS_DATABASE = 9  # apart from that of other tests: a relay writes telemetry every second
UNLIMITED = {"FLOODGATE_ADDRESS_HANDSHAKE_PERMITS": "1000000", "FLOODGATE_ADDRESS_HANDSHAKE_BURST": "1000000"}
MARK = "FLOODGATE_FAULTS_MARK"


@pytest.fixture(autouse=True)
def nothing_is_left_over(redis_url, tmp_path, monkeypatch):
    """After each test: no process that it started, no file that it opened, no temporary file of a process."""
    mark, temporary, before = uuid4().hex, tmp_path / "temporary", open_files()
    temporary.mkdir()
    monkeypatch.setenv(MARK, mark)
    monkeypatch.setenv("TMPDIR", str(temporary))
    yield
    assert not none_left(lambda: processes_with(f"{MARK}={mark}"))
    assert not none_left(lambda: open_files() - before)
    assert not list(temporary.iterdir())


@pytest.fixture
def faults_redis_url(redis_url, settings):
    """A database of Redis' that these tests have to themselves; it keeps nothing that would stay there."""
    address, _, database = redis_url.rpartition("/")
    settings.REDIS_URL = f"{address}/{int(database) + FAULTS_DATABASE}"
    blocking.cache_clear()
    url = settings.REDIS_URL
    yield url
    settings.REDIS_URL = url  # a test may have used a server of its own
    blocking.cache_clear()
    for_ever = keys_without_end()
    blocking().flushdb()
    blocking().close()
    blocking.cache_clear()
    assert not for_ever


@pytest.fixture
def platform_of(tmp_path):
    """Starts platforms: gives the port where one gives tokens, and the port of its sockets, which echo."""
    with ExitStack() as stack:

        def start():
            port, echo_port = free_port(), free_port()
            options = ("--port", str(port), "--raw-echo", str(echo_port), "--connections-per-token", "10000")
            command = (sys.executable, "-m", "floodgate_simulator", *options)
            variables = {"PYTHONPATH": str(ROOT / "sdk/simulator/src")}
            stack.enter_context(running(Program(f"platform-{port}", command, echo_port, tmp_path, variables)))
            return port, echo_port

        yield start


@pytest.fixture
def proxy_of():
    """Starts fault proxies before a port."""
    with ExitStack() as stack:
        yield lambda port: stack.enter_context(fault_proxy(port))


@pytest.fixture
def relay_of(faults_redis_url, tmp_path):
    """Starts relays, each a process or several; all are ended. ``broken`` names defences to take out."""
    started = []

    def start(processes=1, *, port=0, broken="", limits="", is_logged=True, **variables):
        command = relay_command(processes, port, broken=broken, limits=limits)
        own = {"REDIS_URL": faults_redis_url, "BROKEN_DEFENCES": broken, "PYTHONPATH": str(ROOT)}
        log = tmp_path / f"relay-{len(started)}.log" if is_logged else None
        first = free_range(processes)
        ports = range(first, first + processes)
        started.append(started_relay(command, {**os.environ, **own, **UNLIMITED, **variables}, log, ports))
        started[-1].wait_until_ready(processes)
        return started[-1]

    yield start
    for relay in started:
        relay.kill()


@pytest.fixture
def client_of(faults_redis_url):
    """Makes clients of a platform: a record, which ``changes`` change, and the headers that show its token."""

    def make(platform, **changes):
        tokens, sockets = platform
        socket_url = f"ws://127.0.0.1:{sockets}/v2/websocket/{{channel}}"
        leads_there = records.platform_connection(f"http://127.0.0.1:{tokens}", socket_url=socket_url)
        record = records.client(leads_there, **changes)
        replace_records(record.tenant_id, [record])
        return {"Authorization": f"Bearer {records.token_of(record)}"}

    return make


@pytest.fixture
def tenant_of(faults_redis_url):
    """Makes clients of one tenant, by name: what each is changed by; gives the headers that show their tokens."""

    def make(platform, policies, **changes_of):
        tokens, sockets = platform
        socket_url = f"ws://127.0.0.1:{sockets}/v2/websocket/{{channel}}"
        leads_there = records.platform_connection(f"http://127.0.0.1:{tokens}", socket_url=socket_url)
        whose = {"tenant_id": str(uuid4()), "policies": policies}
        made = {name: records.client(leads_there, **whose, **changes) for name, changes in changes_of.items()}
        replace_records(whose["tenant_id"], made.values())
        return {name: {"Authorization": f"Bearer {records.token_of(record)}"} for name, record in made.items()}

    return make


@pytest_asyncio.fixture
async def crowd(platform_of, client_of):
    """Clients of one platform that will send, and whose messages are counted at both ends."""
    port, _ = platform_of()
    clients = Crowd(port, lambda: client_of((port, port)))
    yield clients
    await clients.abandon()


@pytest.fixture
def told(capsys):
    """Writes a line of figures past pytest, which keeps what tests print; several test processes share stderr alone."""

    def tell(line):
        with capsys.disabled():
            sys.stderr.write(f"\n{line}")

    return tell
