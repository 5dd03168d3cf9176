"""Real processes: a relay, and a platform that echoes; clients whose records the relay finds in Redis."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack

import pytest

from relay.store.client_records import replace_records
from relay.store.pool import blocking
from tests.architecture.sources import ROOT
from tests.bench.ground.program import Program, free_port, running
from tests.faults.processes import RelayProcess
from tests.relay import records

FAULTS_DATABASE = 9  # apart from that of other tests: a relay writes telemetry every second
UNLIMITED = {"FLOODGATE_ADDRESS_HANDSHAKE_PERMITS": "1000000", "FLOODGATE_ADDRESS_HANDSHAKE_BURST": "1000000"}


@pytest.fixture
def faults_redis_url(redis_url, settings):
    """A database of Redis' that these tests have to themselves."""
    address, _, database = redis_url.rpartition("/")
    settings.REDIS_URL = f"{address}/{int(database) + FAULTS_DATABASE}"
    blocking.cache_clear()
    yield settings.REDIS_URL
    blocking().flushdb()
    blocking().close()
    blocking.cache_clear()


@pytest.fixture
def platform_of(tmp_path):
    """Starts platforms: gives the port where one gives tokens, and the port of its sockets, which echo."""
    with ExitStack() as stack:

        def start():
            port, echo_port = free_port(), free_port()
            command = (sys.executable, "-m", "floodgate_simulator", "--port", str(port), "--raw-echo", str(echo_port))
            variables = {"PYTHONPATH": str(ROOT / "sdk/simulator/src")}
            stack.enter_context(running(Program(f"platform-{port}", command, echo_port, tmp_path, variables)))
            return port, echo_port

        yield start


@pytest.fixture
def relay_of(faults_redis_url):
    """Starts relays, each a process or several; all are ended."""
    started = []

    def start(processes=1, **variables):
        command = (sys.executable, "manage.py", "relay", "--port", "0", "--processes", str(processes))
        environment = {**os.environ, "REDIS_URL": faults_redis_url, **UNLIMITED, **variables}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        told = process.stdout.readline()
        relay = RelayProcess(process, int(re.search(r":(\d+)$", told.strip())[1]))
        started.append(relay)
        relay.wait_until_ready(processes)
        return relay

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
def told(capsys):
    """Writes a line of figures past pytest, which keeps what tests print."""

    def tell(line):
        with capsys.disabled():
            sys.stdout.write(f"\n{line}")

    return tell
