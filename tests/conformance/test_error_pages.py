"""Platforms stand behind nginx and HAProxy, which refuse handshakes with pages of their own."""

import json
from contextlib import ExitStack, contextmanager

import pytest
import websockets

from relay.store.client_records import replace_records
from tests.bench.contestants.contestant import installed
from tests.bench.ground.program import Program, running
from tests.relay import records
from tests.relay.running import HOST, free_range

pytestmark = [pytest.mark.conformance, pytest.mark.asyncio]
STATUSES = (413, 429, 502, 503)
ANSWERED = {
    413: (502, "platform_refused"),
    429: (429, "platform_throttled"),
    502: (503, "platform_unavailable"),
    503: (503, "platform_unavailable"),
}
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
events {{ }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
uwsgi_temp_path {folder}; scgi_temp_path {folder};
{servers} }}
"""
NGINX_SERVER = (
    "server {{ listen 127.0.0.1:{port}; add_header Retry-After 20 always; location / {{ return {status}; }} }}"
)
HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
{servers}
"""
HAPROXY_SERVER = """
frontend refuse_{status}
  bind 127.0.0.1:{port}
  http-after-response set-header Retry-After 20
  http-request deny deny_status {status}
"""
PROXIES = {
    "nginx": (NGINX, NGINX_SERVER, ("-c",)),
    "haproxy": (HAPROXY, HAPROXY_SERVER, ("-db", "-f")),
}


@contextmanager
def refusing(program, folder):
    """A proxy that refuses by its own pages; gives the port of each status."""
    whole, each, options = PROXIES[program]
    first = free_range(len(STATUSES))
    ports = {status: first + place for place, status in enumerate(STATUSES)}
    servers = "\n".join(each.format(port=port, status=status) for status, port in ports.items())
    config = folder / f"{program}.conf"
    config.write_text(whole.format(servers=servers, folder=folder))
    command = (installed(program), *options, str(config))
    with running(Program(program, command, ports[STATUSES[-1]], folder)):
        yield ports


@pytest.fixture(scope="module")
def refusing_ports(tmp_path_factory):
    with ExitStack() as stack:
        yield {program: stack.enter_context(refusing(program, tmp_path_factory.mktemp(program))) for program in PROXIES}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("program", PROXIES)
async def test_the_page_of_a_proxy_is_understood_and_stays_here(program, status, capped, refusing_ports):
    sockets = f"ws://{HOST}:{refusing_ports[program][status]}/{{channel}}"
    client = records.client(records.platform_connection(capped.echo.token_issuer_url, socket_url=sockets))
    replace_records(client.tenant_id, [client])

    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(
            f"ws://{HOST}:{capped.relay.port}/v2/websocket/echo",
            additional_headers={"Authorization": f"Bearer {records.token_of(client)}"},
            proxy=None,
        ):
            pass

    answer = refused.value.response
    told = json.loads(answer.body)
    assert (answer.status_code, told["code"]) == ANSWERED[status]
    assert b"<html" not in answer.body.lower()
    waits = int(answer.headers.get("Retry-After", 0))
    assert 20 <= waits <= 30 if ANSWERED[status][0] != 502 else waits == 0
