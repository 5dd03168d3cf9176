"""What people connect with, each as it comes: tokens of web and relay, messages, limits, refusals, the end."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.throttle.policy import Beyond, Counted, ZonePolicy
from tenants.actions.policies import publish_version, set_zones
from tenants.snapshots import publish_records
from tests.controlplane.demonstration.visitor import WS
from tests.controlplane.platform import platform_beside
from tests.controlplane.running_web import running_web
from tests.relay import records
from tests.relay.running import HOST, running_relay
from tests.tenants.factories import (
    SECRET,
    ChannelFactory,
    ClientFactory,
    DraftFactory,
    PlatformConnectionFactory,
)

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(120)]
PROGRAMS = Path(__file__).parent / "clients"
COMMANDS = {
    "requests_and_websocket_client.py": [sys.executable],
    "with_aiohttp.py": [sys.executable],
    "with_websockets.py": [sys.executable],
    "with_ws.mjs": ["node"],
    "WithJava.java": ["java"],
    "with_curl.sh": ["sh"],
}
SIZES = [1, 125, 126, 65_535, 65_536, 1_048_576]
MANY = 30
PARTS, PART = 128, 8192  # as Tomcat cuts a message of 1 MiB
ONLY_SOCKETS = {"echoed", "throttled", "closed"}
WITHOUT = {  # what a program has no means for
    "with_curl.sh": {*ONLY_SOCKETS, "fragments"},
    "with_aiohttp.py": {"fragments"},
}
TOLD = {
    "token of web": "issued",
    "token of relay": "issued",
    "echoed": SIZES,
    "fragments": PARTS * PART,
    "throttled": list(range(MANY)),
    "waits": "yes",
    "closed": 1012,
}


@pytest.fixture
def simulator():
    with platform_beside() as simulator:
        yield simulator


@pytest.fixture
def clients(transactional_db, redis, acme, root, simulator):
    """Two clients: one that is paced, and one that may connect once an hour."""
    account = PlatformConnectionFactory.create(
        tenant=acme,
        token_url=f"{simulator.url}/oauth/token",
        socket_url=f"{simulator.ws_url}/v2/websocket/{{channel}}",
        credential__encrypted_secret=records.platform_connection(simulator.url).credentials[0].encrypted_secret,
    )
    channel = ChannelFactory.create(tenant=acme, platform_connection=account, name="echo")
    once = {"counted": Counted.HANDSHAKES, "beyond": Beyond.REJECT}
    zones = (ZonePolicy(name="client", permits=50, burst=4, delay=4), records.hourly(1, name="client", **once))
    made = []
    for zone in zones:
        draft = set_zones(DraftFactory.create(policy__tenant=acme, number=1), [zone], acting_user=root)
        policy = publish_version(draft, acting_user=root).policy
        client = ClientFactory.create(tenant=acme, throttle_policy=policy)
        client.channels.add(channel)
        made.append(client)
    publish_records(acme.pk)
    return made


@pytest.fixture
def grounds(clients, redis_url, test_database, settings):
    """Web and a relay; gives the relay, and what programs read of their environment."""
    with running_web(DATABASE_URL=test_database, REDIS_URL=redis_url) as web, running_relay(redis_url) as relay:
        settings.TOKEN_FORWARD_URL = f"http://{HOST}:{web.port}"
        paced, limited = clients
        yield (
            relay,
            {
                "WEB": f"http://{HOST}:{web.port}",
                "RELAY_HTTP": relay.url,
                "RELAY": f"{relay.ws_url}/v2/websocket/echo",
                "CLIENT_ID": paced.client_id,
                "CLIENT_SECRET": SECRET,
                "LIMITED_ID": limited.client_id,
                "LIMITED_SECRET": SECRET,
                "SIZES": json.dumps(SIZES),
                "MANY": str(MANY),
                "PARTS": str(PARTS),
                "PART": str(PART),
                "NO_PROXY": "*",
                "OAUTHLIB_INSECURE_TRANSPORT": "1",
            },
        )


@contextmanager
def running(name, folder, variables):
    """A program in a folder of its own, with the package ws beside it; gives its lines."""
    shutil.copy(PROGRAMS / name, folder)
    package = folder / "node_modules" / "ws"
    package.mkdir(parents=True)
    (package / "index.js").write_text(f"module.exports = require({json.dumps(str(WS))}).ws;")
    command = [*COMMANDS[name], str(folder / name)]
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            yield program.stdout
        finally:
            program.kill()


@pytest.mark.parametrize("name", COMMANDS)
def test_what_people_connect_with_works_as_it_comes(name, grounds, tmp_path):
    relay, variables = grounds
    told = {}
    with running(name, tmp_path, variables) as lines:
        for line in lines:
            what, value = json.loads(line)
            told[what] = value
            if what == "waits":
                relay.begin_to_stop()

    status, retry_after = told.pop("refused")
    assert (status, 1 <= int(retry_after) <= 60) == (429, True)
    assert told == {what: value for what, value in TOLD.items() if what not in WITHOUT.get(name, ())}
