"""How sessions end where an endpoint vanishes, or sends no more and still waits for an answer."""

import asyncio

import pytest
from websockets.frames import Opcode

from relay.splicing.waiting import Stop
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Direction, Scope, ZonePolicy
from tests.relay.eventually import eventually
from tests.relay.integration import PATIENCE_SECONDS
from tests.relay.records import hourly, policy
from tests.relay.seen import masked, own_session, received, traffic
from tests.relay.vanishing import WAYS, all_defects, leftovers, reset

pytestmark = pytest.mark.asyncio
ACKNOWLEDGED, SILENT = b'{"id": 1}', b"x"
PLATFORMS = {
    "that_acknowledges": ("/v2/websocket/orders", ACKNOWLEDGED),
    "that_is_silent": ("/v2/websocket/orders", SILENT),
    "that_pushes": ("/v2/websocket/push?rate=500", SILENT),
}
BOTH = policy(hourly(3), hourly(3, name="back", direction=Direction.TO_CLIENT))
OPEN = ZonePolicy(name="open", scope=Scope.CLIENT, counted=Counted.OPEN_CONNECTIONS, permits=1, beyond=Beyond.REJECT)
CLOSE_NOW = (1000).to_bytes(2)


@pytest.fixture(params=["tcp", "tls"])
def over(request, relay, tls_relay):
    """A relay, and what its client trusts: with TLS and without."""
    return (relay, None) if request.param == "tcp" else (tls_relay, request.getfixturevalue("trust"))


@pytest.fixture
def hurry(replaced):
    """What takes half a minute takes a second."""
    replaced("relay.splicing.session:FLUSH_SECONDS", 1)  # 30 s


def half_close(endpoint):
    endpoint.writer.write_eof()


async def gone(relay, tenant_id):
    """Wait until nothing of the tenant is left."""
    await eventually(lambda: not leftovers(relay, tenant_id))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("path_and_payload", PLATFORMS.values(), ids=PLATFORMS)
async def test_f44_a_client_that_vanishes_while_it_is_held_back_leaves_nothing(
    over, integration_of, path_and_payload, way, hurry
):
    (relay, trust), (path, payload), before = over, path_and_payload, all_defects()
    integration = integration_of(relay, tls=trust, policies=(BOTH, policy(OPEN)))
    for _ in range(2):
        client = await integration.connect_raw(path)
        client.send(masked(payload) * 300)
        await eventually(lambda: own_session(integration).client.held)

        await way(client)

        await gone(relay, integration.record.tenant_id)
    assert all_defects() == before


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_platform_that_vanishes_while_it_is_held_back_leaves_nothing(bare, relay, way, hurry):
    before, tenant_id = all_defects(), "11111111-0000-4000-8000-000000000001"
    client, platform = await bare(policies=(BOTH,), tenant_id=tenant_id)
    platform.send(b"\x81\x01x" * 300)
    client.send(masked(b"x") * 300)
    await eventually(lambda: all(side.held for side in sides_of(relay, tenant_id)))

    await way(platform)

    assert (await client.close_frame())[0] == 4432
    await client.end()
    await gone(relay, tenant_id)
    assert all_defects() == before


def sides_of(relay, tenant_id):
    [one] = [one for one in list(relay.worker.connections) if one.identity.tenant_id == tenant_id]
    return one.session.client, one.session.platform


async def test_what_a_vanished_client_left_is_dropped_and_counted(integration_of, simulator):
    integration = integration_of(policies=(policy(hourly(3)),))
    client = await integration.connect_raw("/v2/websocket/orders")
    client.send(masked(SILENT) * 300)
    await eventually(lambda: traffic(integration).waiting == 1)

    await reset(client)

    await gone(integration.relay, integration.record.tenant_id)
    counter = traffic(integration)
    assert (counter.messages, counter.bytes, counter.dropped_bytes) == (3, 3 * 7, 297 * 7)
    assert received(simulator)["messages"] == 3


async def test_a_half_closed_clients_backlog_goes_on_at_its_rate_for_a_bounded_time(integration_of, simulator, hurry):
    ten_a_second = ZonePolicy(name="client", permits=10, period_ns=SECOND_NS)
    integration = integration_of(policies=(policy(ten_a_second),))
    client = await integration.connect_raw("/v2/websocket/orders")
    client.send(masked(SILENT) * 5000)
    await eventually(lambda: traffic(integration).waiting == 1)

    half_close(client)

    await gone(integration.relay, integration.record.tenant_id)
    assert 5 <= received(simulator)["messages"] <= 10 * 10
    assert traffic(integration).dropped_bytes


async def test_a_half_closed_client_gets_the_answer_to_its_last_message(integration):
    clients = [await integration.connect_raw("/v2/websocket/orders") for _ in range(8)]

    for client in clients:
        client.send(masked(ACKNOWLEDGED))
        half_close(client)

    for client in clients:
        assert (await client.frame())[0] == 0x81
        assert await client.end() == b""


async def test_the_last_message_of_a_client_that_ends_tls_arrives(tls_relay, trust, integration_of, simulator):
    integration = integration_of(tls_relay, tls=trust)
    clients = [await integration.connect_raw("/v2/websocket/orders") for _ in range(8)]

    for client in clients:
        client.send(masked(ACKNOWLEDGED))
        await WAYS["close"](client)  # TLS has no half-close

    await eventually(lambda: received(simulator)["messages"] == 8)
    await gone(tls_relay, integration.record.tenant_id)


async def test_a_client_that_closes_and_half_closes_gets_the_platforms_close(integration):
    for _ in range(8):
        client = await integration.connect_raw("/v2/websocket/orders")

        client.say(CLOSE_NOW, Opcode.CLOSE)
        half_close(client)

        assert await client.close_frame() == (1000, "")
        assert await client.end() == b""


async def test_a_half_closed_platform_gets_the_answer_to_its_last_message(bare):
    client, platform = await bare()

    platform.send(b"\x81\x04last")
    half_close(platform)
    assert await client.frame() == (0x81, b"last")
    client.say(b"answer")

    assert await platform.frame() == (0x81, b"answer")
    assert await client.close_frame() == (4432, "platform_lost")
    client.say((4432).to_bytes(2), Opcode.CLOSE)
    assert await client.end() == b""


async def test_a_platform_that_closes_and_half_closes_gets_the_clients_close(bare):
    client, platform = await bare()

    platform.send(b"\x88\x02\x03\xe8")
    half_close(platform)
    assert await client.close_frame() == (1000, "")
    client.say(CLOSE_NOW, Opcode.CLOSE)

    assert await platform.close_frame() == (1000, "")
    assert await client.end() == b""


async def test_the_end_of_a_half_closed_client_is_passed_on_to_the_platform(bare):
    client, platform = await bare()

    client.say(b"last")
    half_close(client)

    assert await platform.frame() == (0x81, b"last")
    assert await platform.end() == b""
    platform.send(b"\x81\x03bye")
    platform.writer.close()
    assert await client.frame() == (0x81, b"bye")
    assert await client.end() == b""


async def test_a_half_closed_client_is_not_answered_for_ever(bare, relay, hurry):
    client, platform = await bare(tenant_id="11111111-0000-4000-8000-000000000002")
    half_close(client)

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not platform.reader.at_eof():
            platform.send(b"\x81\x04more")
            assert await client.frame() == (0x81, b"more")


async def test_a_client_may_answer_our_close_after_its_platform_has_gone(bare, relay):
    await eventually(lambda: not relay.worker.connections)
    client, platform = await bare()
    aborted = relay.worker.counters.aborted

    platform.send(b"\x83\x00")
    assert (await client.close_frame())[0] == 4432
    await platform.end()
    client.say((4432).to_bytes(2), Opcode.CLOSE)

    assert await client.end() == b""
    assert relay.worker.counters.aborted == aborted


async def test_a_session_whose_sockets_are_gone_unnoticed_is_swept_and_counted(bare, relay):
    before, tenant_id = all_defects().get("sweep", 0), "11111111-0000-4000-8000-000000000003"
    await bare(tenant_id=tenant_id)
    sides, loop = sides_of(relay, tenant_id), relay.server.servers[0].get_loop()

    for side in sides:
        loop.call_soon_threadsafe(side.transport.set_protocol, asyncio.Protocol())
        loop.call_soon_threadsafe(side.transport.abort)

    await gone(relay, tenant_id)
    assert all_defects()["sweep"] == before + 1


BREAKS = {
    "adopt": ("held", "no frame", (None,)),
    "go_on": ("_rest", 1, (Stop.TURN,)),
    "pause_writing": ("peer", None, ()),
    "resume_writing": ("peer", None, ()),
    "connection_lost": ("peer", None, (None,)),
    "data_received": ("_scanner", None, (b"\x81\x80\0\0\0\0",)),
}


@pytest.mark.parametrize(("call", "broken"), BREAKS.items(), ids=BREAKS)
async def test_a_side_that_fails_ends_its_session_and_harms_nobody_who_calls_it(bare, relay, call, broken):
    tenant_id, (attribute, value, arguments) = "11111111-0000-4000-8000-000000000004", broken
    client, platform = await bare(tenant_id=tenant_id)
    (side, _), loop = sides_of(relay, tenant_id), relay.server.servers[0].get_loop()
    before, raised = all_defects().get("session", 0), []

    def call_broken():
        setattr(side, attribute, value)
        try:
            getattr(side, call)(*arguments)
        except AttributeError as error:  # as the loop does with data_received
            raised.append(error)
            side.connection_lost(error)

    loop.call_soon_threadsafe(call_broken)

    await client.end()
    await platform.end()
    await gone(relay, tenant_id)
    assert all_defects()["session"] > before
    assert bool(raised) == (call == "data_received")
