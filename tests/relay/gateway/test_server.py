import asyncio
import socket
from importlib.metadata import version

import pytest
import uvicorn
from floodgate_simulator.faults.fault import Fault
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from relay.gateway.routing import application
from relay.gateway.server import UpgradeProtocol, listening_socket, relay_server, take_over_extension
from relay.protocol.denials import Denied
from tests.architecture.sources import ROOT
from tests.relay.eventually import eventually, turns
from tests.relay.integration import drop, raw_connection, upgrade_request
from tests.relay.running import HOST

pytestmark = pytest.mark.asyncio
KIB = 1024
MASKED_HI = b"\x81\x82\0\0\0\0hi"


async def answer_to(relay, request):
    """Status and all further bytes of the answer to a request of bare bytes."""
    client = await raw_connection(relay.port)
    try:
        client.send(request)
        return await client.read_status(), client.head + await client.end()
    finally:
        await drop(client.writer)


async def test_a_socket_that_was_taken_over_is_the_sessions_and_no_longer_uvicorns(integration):
    client_id, worker = integration.record.client_id, integration.relay.worker
    await integration.connect()

    [session] = await eventually(
        lambda: [each.session for each in list(worker.connections) if each.identity.client_id == client_id]
    )

    assert session.client.transport.get_protocol() is session.client
    assert not any(isinstance(each, UpgradeProtocol) for each in integration.relay.server.server_state.connections)


async def test_b11_frames_that_come_with_the_upgrade_are_answered_400(integration):
    client = await integration.knock("/v2/websocket/echo", early=MASKED_HI)

    assert await client.read_status() == 400
    assert b"Send no frames before the answer to the upgrade." in await client.end()


async def test_b11_a_single_byte_too_early_is_answered_400(integration):
    client = await integration.knock("/v2/websocket/echo", early=b"\x81")

    assert await client.read_status() == 400


async def test_b11_frames_that_come_while_the_relay_decides_are_held_and_delivered(integration, simulator):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake", count=1))
    client = await integration.knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)

    client.send(MASKED_HI)
    await turns(0.05)
    simulator.simulation.faults.remove(hang.id)

    assert await client.read_status() == 101
    assert await client.frame() == (0x81, b"hi")


async def test_a_refused_handshake_is_no_error_in_the_log_and_ends_its_socket(integration, caplog):
    client = await integration.knock("/v2/websocket/nowhere")

    assert await client.read_status() == 404
    assert b'"channel_not_found"' in await client.end()
    assert not caplog.records


async def test_a_server_that_hands_no_sockets_over_is_answered_503():
    with pytest.raises(Denied) as refused:
        take_over_extension({"extensions": {"websocket.http.response": {}}})

    assert (refused.value.denial.status, refused.value.denial.code) == (503, "not_the_relay")
    assert "manage.py relay" in refused.value.denial.detail


WRONG_UPGRADES = {
    "no_key": upgrade_request("/v2/websocket/echo").replace(b"Sec-WebSocket-Key", b"X-Key"),
    "short_key": upgrade_request("/v2/websocket/echo").replace(b"A" * 22 + b"==", b"AAAA"),
    "another_version": upgrade_request("/v2/websocket/echo").replace(b"Version: 13", b"Version: 8"),
    "no_host": upgrade_request("/v2/websocket/echo").replace(b"Host: relay\r\n", b""),
    "nul_in_a_value": upgrade_request("/v2/websocket/echo", "X-Odd: a\0b\r\n"),
    "two_lengths": b"POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "no_http": b"canary\r\n\r\n",
    "head_over_64_kib": b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 80 * KIB,
}


@pytest.mark.parametrize("request_bytes", WRONG_UPGRADES.values(), ids=WRONG_UPGRADES)
async def test_b9_a_request_that_is_wrong_is_answered_400_and_its_socket_ends(relay, request_bytes):
    status, _ = await answer_to(relay, request_bytes)

    assert status == 400


async def test_no_answer_says_which_server_it_is(relay):
    _, answer = await answer_to(relay, b"GET /livez HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n")

    assert b"server:" not in answer.lower()


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


async def test_uvicorn_is_the_one_whose_classes_were_read():
    assert f"uvicorn=={version('uvicorn')} \\" in (ROOT / "requirements.txt").read_text().splitlines()


async def test_uvicorns_classes_have_what_ours_use_of_them():
    config = relay_server(application).config
    config.load()
    upgrade = UpgradeProtocol(config, ServerState(), {})

    used = {"connections", "transport", "conn", "queue", "writable"}
    assert used | {"initial_response", "close_sent", "handshake_complete"} <= set(vars(upgrade))
    assert callable(WebSocketsSansIOProtocol.handle_connect)
    assert callable(H11Protocol.handle_websocket_upgrade)
    assert callable(H11Protocol.send_400_response)
    assert asyncio.iscoroutinefunction(uvicorn.Server.shutdown)


async def test_no_ping_and_no_compression_of_uvicorns_own_comes_in_between():
    config = relay_server(application).config

    assert (config.ws_ping_interval, config.ws_per_message_deflate) == (None, False)
    assert (config.proxy_headers, config.access_log) == (False, False)
