import asyncio
import socket
from importlib.metadata import version

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from relay.gateway.door import ClientDoor, OperationsDoor
from relay.gateway.request import RequestProtocol
from relay.gateway.routing import application
from relay.gateway.server import listening_socket, relay_server, take_over_extension
from relay.protocol.denials import Denied
from tests.architecture.sources import ROOT
from tests.relay.eventually import eventually
from tests.relay.integration import drop, raw_connection
from tests.relay.opening import upgrade_request
from tests.relay.running import HOST, running_relay

pytestmark = pytest.mark.asyncio
KIB = 1024
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: relay\r\n\r\n"


async def test_a_socket_that_was_taken_over_is_the_sessions_and_no_longer_uvicorns(integration):
    client_id, worker = integration.record.client_id, integration.relay.worker
    await integration.connect()

    [session] = await eventually(
        lambda: [each.session for each in list(worker.connections) if each.identity.client_id == client_id]
    )

    assert session.client.transport.get_protocol() is session.client
    assert not any(isinstance(each, ClientDoor) for each in integration.relay.server.server_state.connections)


async def test_a_server_that_hands_no_sockets_over_is_answered_503():
    with pytest.raises(Denied) as refused:
        take_over_extension({"extensions": {"websocket.http.response": {}}})

    assert (refused.value.denial.status, refused.value.denial.code) == (503, "not_the_relay")
    assert "manage.py relay" in refused.value.denial.detail


async def test_accepted_sockets_have_the_receive_buffer_of_the_listening_one():
    with listening_socket(HOST, 0, 64 * KIB) as listener, socket.create_connection(listener.getsockname()):
        listener.settimeout(5)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 64 * KIB  # Linux doubles it


async def test_b60_an_address_in_use_is_an_error_of_the_system():
    with listening_socket(HOST, 0, 64 * KIB) as first, pytest.raises(OSError, match="in use"):
        listening_socket(HOST, first.getsockname()[1], 64 * KIB)


async def test_an_address_that_is_not_ours_is_an_error_of_the_system():
    with pytest.raises(OSError, match="assign"):
        listening_socket("192.0.2.1", 0, 64 * KIB)


async def test_an_ipv6_address_is_listened_on():
    with listening_socket("::1", 0, 64 * KIB) as listener:
        assert listener.family is socket.AF_INET6


async def test_a_port_can_be_had_again_at_once_after_its_connections_ended():
    with listening_socket(HOST, 0, 64 * KIB) as listener:
        address = listener.getsockname()
        listener.settimeout(5)
        with socket.create_connection(address):
            listener.accept()[0].close()

    listening_socket(*address, 64 * KIB).close()


async def test_no_websocket_is_opened_at_the_port_for_operations(relay):
    client = await raw_connection(relay.operations_port)
    client.send(upgrade_request("/v2/websocket/echo"))

    assert await client.read_status() == 404
    await drop(client.writer)


async def test_f55_a_scraper_waits_at_the_same_door_as_clients_with_its_deadlines(relay):
    before = set(relay.server.server_state.connections)
    client = await raw_connection(relay.operations_port)

    waiting = await eventually(lambda: set(relay.server.server_state.connections) - before)

    assert {type(each) for each in waiting} == {OperationsDoor}
    await drop(client.writer)


async def test_the_port_for_operations_expects_no_proxys_header_where_clients_send_one(relays_redis_url, store):
    with running_relay(relays_redis_url, PROXY_PROTOCOL=True) as relay:
        client = await raw_connection(relay.operations_port)
        client.send(LIVEZ)

        assert await client.read_status() == 200
        await drop(client.writer)


async def test_the_port_for_operations_is_closed_with_the_relay(mortal_relay):
    mortal_relay.stop()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, mortal_relay.operations_port))


async def test_f49_whoever_asks_the_port_for_operations_as_the_relay_ends_is_answered(mortal_relay):
    client = await raw_connection(mortal_relay.operations_port)
    client.send(LIVEZ[:10])
    await eventually(lambda: any(type(each) is OperationsDoor for each in mortal_relay.server.server_state.connections))

    mortal_relay.begin_to_stop()
    await eventually(lambda: mortal_relay.server.operations.listener.fileno() == -1)
    client.send(LIVEZ[10:])

    assert await client.read_status() == 200
    await drop(client.writer)


async def test_uvicorn_is_the_one_whose_classes_were_read():
    assert f"uvicorn=={version('uvicorn')} \\" in (ROOT / "requirements.txt").read_text().splitlines()


async def test_uvicorns_classes_have_what_ours_use_of_them():
    config = relay_server(application).config
    config.load()
    http = RequestProtocol(config, ServerState(), {})

    assert {"conn", "connections", "cycle", "flow", "server_state", "transport"} <= set(vars(http))
    assert {"connections", "default_headers", "tasks", "total_requests"} <= set(vars(ServerState()))
    assert callable(H11Protocol.on_response_complete)
    assert asyncio.iscoroutinefunction(uvicorn.Server.shutdown)


async def test_uvicorn_itself_opens_no_websocket_and_believes_no_header():
    config = relay_server(application).config

    assert (config.ws, config.proxy_headers, config.access_log) == ("none", False, False)
