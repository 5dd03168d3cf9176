import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest
import websockets
from floodgate_simulator.faults.fault import Fault
from websockets.frames import Frame, Opcode

from relay.splicing.session import Session
from relay.throttle.policy import Beyond, Counted, ZonePolicy
from tests.relay import records
from tests.relay.eventually import eventually
from tests.relay.integration import answer_of, drop, raw_connection
from tests.relay.raw_platform import switching
from tests.relay.records import policy
from tests.relay.vanishing import leftovers

pytestmark = pytest.mark.asyncio
TENANT = "11111111-0000-4000-8000-000000000009"
DEFLATE = "permessage-deflate; server_no_context_takeover; client_max_window_bits=9"


def header(head, name):
    """The values of one header in the head of a request."""
    lines = [line.partition(": ") for line in head.decode().split("\r\n")]
    return [value for found, _, value in lines if found.lower() == name]


async def test_a_message_goes_to_the_platform_and_its_answer_comes_back(integration):
    connection = await integration.connect()

    await connection.send("good morning")

    assert await answer_of(connection) == "good morning"


async def test_a_connection_is_counted_as_open_and_its_handshake_as_accepted(integration):
    counters, record = integration.relay.worker.counters, integration.record

    await integration.connect()

    await eventually(lambda: counters.open_connections[record.tenant_id, record.client_id] == 1)
    assert counters.handshakes[record.tenant_id, record.client_id, "accepted"] == 1


async def test_the_subprotocol_is_the_one_that_the_platform_chose(integration):
    connection = await integration.connect(subprotocols=["v2.events", "v1.events"])

    assert connection.subprotocol == "v2.events"


async def test_a_client_that_offers_no_subprotocol_gets_none(integration):
    assert (await integration.connect()).subprotocol is None


async def test_compression_is_agreed_in_the_words_of_the_platform(bare):
    answer = f"Sec-WebSocket-Extensions: {DEFLATE}\r\n"

    client, _ = await bare(lambda key: switching(key, answer), "Sec-WebSocket-Extensions: permessage-deflate\r\n")

    assert header(client.head, "sec-websocket-extensions") == [DEFLATE]


async def test_compressed_messages_pass_both_ways(integration):
    connection = await integration.connect(compression="deflate")

    await connection.send("ab" * 50_000)

    assert connection.protocol.extensions
    assert await answer_of(connection) == "ab" * 50_000


async def test_a_platform_without_compression_leaves_the_client_without(integration_of, simulator_of):
    integration = integration_of(simulator=await simulator_of(compression=False))

    connection = await integration.connect(compression="deflate")

    assert not connection.protocol.extensions


async def test_the_platform_sees_the_offers_as_the_client_made_them(bare):
    offers = "Sec-WebSocket-Protocol: v2, v1\r\nSec-WebSocket-Extensions: x-odd; a=1, permessage-deflate\r\n"

    _, platform = await bare(headers=offers)

    assert header(platform.head, "sec-websocket-protocol") == ["v2, v1"]
    assert header(platform.head, "sec-websocket-extensions") == ["x-odd; a=1, permessage-deflate"]


async def test_a_client_that_offers_nothing_has_nothing_offered_for_it(bare):
    _, platform = await bare()

    assert not header(platform.head, "sec-websocket-protocol")
    assert not header(platform.head, "sec-websocket-extensions")


async def test_the_clients_token_tickets_and_cookies_stay_here(bare):
    secrets = "Origin: http://relay\r\nCookie: canary=1\r\nSec-WebSocket-Protocol: ticket.canary, v1\r\n"
    secrets += "X-Forwarded-For: 10.0.0.1\r\n"

    _, platform = await bare(headers=secrets)

    assert b"canary" not in platform.head
    assert header(platform.head, "sec-websocket-protocol") == ["v1"]
    assert not header(platform.head, "x-forwarded-for")


async def test_the_platform_sees_its_own_token_once(bare, simulator):
    _, platform = await bare()

    [value] = header(platform.head, "authorization")
    assert simulator.simulation.tokens.find("genesys", value.removeprefix("Bearer ")) is not None


async def test_other_headers_go_to_the_platform(bare):
    _, platform = await bare(headers="User-Agent: webchat/2\r\nX-Correlation-Id: 17\r\nX-Api-Key: canary\r\n")

    assert header(platform.head, "user-agent") == ["webchat/2"]
    assert header(platform.head, "x-correlation-id") == ["17"]
    assert header(platform.head, "via") == ["1.1 floodgate"]
    assert not header(platform.head, "x-api-key")


async def test_the_query_goes_to_the_platform(integration):
    connection = await integration.connect("/v2/websocket/orders?mode=echo")

    await connection.send("echoed, because the query says so")

    assert await answer_of(connection) == "echoed, because the query says so"


async def test_frames_that_came_with_the_platforms_101_reach_the_client(bare):
    welcome = Frame(Opcode.TEXT, b"welcome").serialize(mask=False) + Frame(Opcode.PING, b"?").serialize(mask=False)

    client, _ = await bare(lambda key: switching(key, early=welcome))

    assert await client.frame() == (0x81, b"welcome")
    assert await client.frame() == (0x89, b"?")


async def test_a_refusal_is_a_problem_document(integration):
    response = await integration.refusal("/v2/websocket/nowhere")

    problem = json.loads(response.body)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.status_code, problem["status"], problem["code"]) == (404, 404, "channel_not_found")


async def test_a_refusal_is_counted_under_its_code(integration):
    await integration.refusal("/v2/websocket/nowhere")

    whose = integration.record.tenant_id, integration.record.client_id
    assert integration.relay.worker.counters.handshakes[*whose, "channel_not_found"] == 1


async def test_a_path_that_is_none_of_ours_is_answered_404(integration):
    assert (await integration.refusal("/somewhere/else")).status_code == 404


async def test_a_client_that_leaves_during_its_handshake_leaves_nothing_behind(integration, simulator, caplog):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake"))
    leaver = await integration.knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)

    leaver.writer.transport.abort()
    simulator.simulation.faults.remove(hang.id)

    await eventually(lambda: simulator.simulation.ledger.handshakes["101"])
    await eventually(lambda: not any(simulator.simulation.open_connections()))
    await eventually(lambda: not own_connections(integration))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def own_connections(integration):
    """The connections of one client that the relay holds."""
    connections = list(integration.relay.worker.connections)
    return [connection for connection in connections if connection.identity.client_id == integration.record.client_id]


async def test_a_channel_leads_to_what_the_platform_calls_it(integration_of, simulator):
    connection = records.platform_connection(simulator.url)
    named = records.channel(connection, "support", platform_channel="orders/a b")
    integration = integration_of(channels=(named,), platform_connection=connection)

    await integration.connect("/v2/websocket/support")

    assert "orders/a b" in simulator.simulation.ledger.as_json()["by_channel"]


@pytest.fixture
def one_at_a_time(integration_of):
    cap = ZonePolicy(name="open", counted=Counted.OPEN_CONNECTIONS, permits=1, beyond=Beyond.REJECT)
    return integration_of(policies=(policy(cap),))


async def connected_again(integration):
    """A connection, once there is a place for it."""
    headers = integration.headers()
    async with asyncio.timeout(10):
        while True:
            with suppress(websockets.InvalidStatus):
                return await integration.connect(additional_headers=headers)


async def test_a_place_is_given_back_when_a_connection_ends(one_at_a_time):
    connection = await one_at_a_time.connect()
    assert (await one_at_a_time.refusal()).status_code == 429

    await connection.close()

    assert await connected_again(one_at_a_time)


async def test_a_place_is_given_back_when_the_platform_refuses(one_at_a_time, simulator):
    simulator.simulation.order(Fault(kind="status", target="handshake", status=503, count=1))

    refused = await one_at_a_time.refusal()

    assert refused.status_code == 503
    assert await connected_again(one_at_a_time)


async def test_a_place_is_given_back_when_a_client_leaves_during_its_handshake(one_at_a_time, simulator):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake", count=1))
    leaver = await one_at_a_time.knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)

    leaver.writer.transport.abort()
    simulator.simulation.faults.remove(hang.id)

    assert await connected_again(one_at_a_time)


class Broken(Exception):
    """What is raised where nothing should be."""


def raising(*_arguments, **_options):
    raise Broken


async def cancelled(*_arguments, **_options):
    """Wait for what somebody else cancels."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@asynccontextmanager
async def raising_on_entry(*_arguments, **_options):
    raise Broken
    yield


@asynccontextmanager
async def cancelled_on_entry(*_arguments, **_options):
    await cancelled()
    yield


BEFORE_THE_ANSWER = {
    "admit_address": ("relay.gateway.admission:Admission.admit_address", raising),
    "verify": ("relay.gateway.authentication:TokenVerifier.verify", raising),
    "client_of": ("relay.gateway.policies:Policies.client_of", raising),
    "client_of_cancelled": ("relay.gateway.policies:Policies.client_of", cancelled),
    "here": ("relay.gateway.worker:Worker.here", raising),
    "entered": ("relay.sharing.entering:Entering.entered", raising_on_entry),
    "entered_cancelled": ("relay.sharing.entering:Entering.entered", cancelled_on_entry),
    "platform_link": ("relay.gateway.consumer:platform_link", raising),
    "platform_link_cancelled": ("relay.gateway.consumer:platform_link", cancelled),
    "limits": ("relay.gateway.admission:Admission.limits", raising),
    "session": ("relay.gateway.consumer:Session", raising),
    "acceptance": ("relay.gateway.consumer:_acceptance", raising),
}
AFTER_THE_ANSWER = {
    "take_over": ("relay.splicing.splice:Splice.connection_made", raising),
    "begin": ("relay.splicing.session:Session.begin", raising),
    "join": ("relay.splicing.splice:Splice.join", raising),
    "hand_over": ("relay.upstream.link:Link.hand_over", raising),
    "place": ("relay.sharing.place:Place.begin", raising),
    "connected": ("relay.gateway.worker:Worker.connected", raising),
    "draining": ("relay.gateway.worker:Worker._hold_to_record", raising),
    "ended": ("relay.splicing.session:Session.ended", raising),
    "ended_cancelled": ("relay.splicing.session:Session.ended", cancelled),
}


@pytest.mark.parametrize(("path", "instead"), BEFORE_THE_ANSWER.values(), ids=BEFORE_THE_ANSWER)
async def test_a_handshake_that_fails_is_answered_500_and_leaves_nothing(
    integration, simulator, replaced, path, instead
):
    replaced(path, instead)
    client = await integration.knock("/v2/websocket/echo")

    assert await client.read_status() == 500
    await client.end()

    await nothing_left(integration, simulator)


@pytest.mark.parametrize(("path", "instead"), AFTER_THE_ANSWER.values(), ids=AFTER_THE_ANSWER)
async def test_a_handshake_that_fails_after_its_answer_ends_both_sockets(
    integration, simulator, replaced, path, instead
):
    if path.endswith("_hold_to_record"):
        replaced("relay.gateway.policies:Policies.known", lambda *_: None)
        replaced("relay.gateway.policies:Policies.client_of", always(integration.record))
    replaced(path, instead)
    client = await integration.knock("/v2/websocket/echo")

    assert await client.read_status() == 101
    await client.end()

    await nothing_left(integration, simulator)


def always(answer):
    async def give(*_arguments):
        return answer

    return give


async def nothing_left(integration, simulator):
    """Wait until a failed handshake has left nothing: no connection, place, socket, task."""
    relay = integration.relay
    await eventually(lambda: not leftovers(relay, integration.record.tenant_id))
    await eventually(lambda: not any(simulator.simulation.open_connections()))
    await eventually(lambda: not relay.server.server_state.tasks)
    await eventually(lambda: not relay.server.server_state.connections)


async def test_a_request_that_can_not_be_opened_ends_its_socket(relay, replaced):
    replaced("relay.gateway.door:wants_websocket", raising)

    async with raw_client(relay, b"GET /livez HTTP/1.1\r\nHost: relay\r\n\r\n") as client:
        assert await client.end() == b""
    await eventually(lambda: not relay.server.server_state.connections)


@asynccontextmanager
async def raw_client(relay, request):
    """A client of bare bytes that has sent a request."""
    client = await raw_connection(relay.port)
    client.send(request)
    yield client
    await drop(client.writer)


async def test_a_cancelled_handshake_is_not_answered_and_ends_its_socket(mortal_relay, integration_of, simulator):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake", count=1))
    client = await integration_of(mortal_relay).knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)
    [task] = mortal_relay.server.server_state.tasks

    mortal_relay.server.servers[0].get_loop().call_soon_threadsafe(task.cancel)

    assert await client.end() == b""
    await eventually(lambda: not mortal_relay.server.server_state.tasks)
    simulator.simulation.faults.remove(hang.id)


async def test_a_platform_that_is_gone_before_its_session_begins_ends_it(bare, relay, replaced):
    def session_over(link, *others):
        link.transport.abort()
        return Session(link, *others)

    replaced("relay.gateway.consumer:Session", session_over)
    client, _ = await bare(tenant_id=TENANT)

    await client.end()
    await eventually(lambda: not leftovers(relay, TENANT))
