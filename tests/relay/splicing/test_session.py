import pytest
import websockets
from floodgate_simulator.faults.fault import Fault
from websockets.frames import Frame, Opcode

from relay.protocol.close_codes import CloseCode
from tests.relay.eventually import eventually
from tests.relay.integration import answer_of, close_of
from tests.relay.seen import masked, received

pytestmark = pytest.mark.asyncio
CLOSE = 0x88
CODES = (1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4000, 4429, 4999)


def close_payload(code, reason=""):
    return code.to_bytes(2) + reason.encode()


@pytest.mark.parametrize("code", CODES)
async def test_f35_a_platforms_close_code_and_reason_reach_the_client_unchanged(integration, simulator, code):
    connection = await integration.connect()

    simulator.simulation.order(Fault(kind="close", code=code, reason="said by the platform"))

    assert await close_of(connection) == (code, "said by the platform")


async def test_f35_a_platforms_close_without_a_code_stays_without(bare):
    client, platform = await bare()

    platform.send(b"\x88\x00")

    assert await client.frame() == (CLOSE, b"")


@pytest.mark.parametrize("code", CODES)
async def test_a_clients_close_code_and_reason_reach_the_platform_unchanged(bare, code):
    client, platform = await bare()

    client.say(close_payload(code, "said by the client"), Opcode.CLOSE)

    assert await platform.frame() == (CLOSE, close_payload(code, "said by the client"))


async def test_a_clients_close_without_a_code_stays_without(bare):
    client, platform = await bare()

    client.say(b"", Opcode.CLOSE)

    assert await platform.frame() == (CLOSE, b"")


async def test_a_client_that_closes_gets_the_platforms_answer_and_both_sockets_end(integration, simulator):
    connection = await integration.connect()

    await connection.close(4000, "enough")

    assert (connection.close_code, connection.close_reason) == (4000, "enough")
    await eventually(lambda: not any(simulator.simulation.open_connections()))
    assert simulator.simulation.ledger.as_json()["closes"] == {"4000": 1}


async def test_b24_what_a_client_sends_behind_its_close_is_ignored(bare):
    client, platform = await bare()

    client.send(masked(close_payload(1000), Opcode.CLOSE), masked(b"behind"), b"\x83")
    assert await platform.frame() == (CLOSE, close_payload(1000))
    client.say(b"still more")

    assert await platform.silence() == b""
    platform.send(b"\x88\x02\x03\xe8")
    assert await client.close_frame() == (1000, "")


async def test_what_was_sent_before_a_close_arrives_before_it(integration, simulator):
    connection = await integration.connect("/v2/websocket/orders")

    for number in range(200):
        await connection.send(f"{number}|")
    await connection.close()

    counts = received(simulator)
    assert (counts["messages"], counts["order_gaps"]) == (200, 0)


async def test_f35_a_platform_that_breaks_off_is_told_to_the_client_as_4432(integration, simulator):
    connection = await integration.connect()

    simulator.simulation.order(Fault(kind="close", code=1006))

    assert await close_of(connection) == (4432, "platform_lost")


async def test_a_platform_that_ends_its_socket_without_a_close_is_told_as_4432(bare):
    client, platform = await bare()

    platform.writer.close()

    assert await client.close_frame() == (4432, "platform_lost")


async def test_a_close_of_ours_is_counted_under_its_code(integration, simulator):
    closes = integration.relay.worker.counters.closes
    before = closes["floodgate", 4432]
    connection = await integration.connect()

    simulator.simulation.order(Fault(kind="close", code=1006))
    await close_of(connection)

    assert closes["floodgate", 4432] == before + 1


async def test_a_close_of_ours_never_enters_a_frame_that_is_under_way(bare):
    client, platform = await bare()

    platform.send(b"\x82\x7e\x04\x00half a frame")
    assert await client.reader.readexactly(16)
    platform.writer.close()

    assert await client.end() == b""


async def test_a_client_that_breaks_off_lets_the_platforms_socket_end(integration, simulator):
    client = await integration.connect_raw()

    client.writer.transport.abort()

    await eventually(lambda: not any(simulator.simulation.open_connections()))


async def test_a_client_that_breaks_off_is_no_longer_counted(integration):
    counters, record = integration.relay.worker.counters, integration.record
    client = await integration.connect_raw()
    await eventually(lambda: counters.open_connections[record.tenant_id, record.client_id] == 1)

    client.writer.transport.abort()

    await eventually(lambda: counters.open_connections[record.tenant_id, record.client_id] == 0)


async def test_what_a_client_sent_before_it_broke_off_is_delivered(integration, simulator):
    client = await integration.connect_raw("/v2/websocket/orders")

    for number in range(200):
        client.say(b"%d|" % number)
    client.writer.close()

    await eventually(lambda: received(simulator)["messages"] == 200)


FORBIDDEN = {
    "reserved_bits": b"\xf1\x80\0\0\0\0",
    "compressed_without_agreement": b"\xc1\x80\0\0\0\0",
    "opcode_3": b"\x83\x80\0\0\0\0",
    "opcode_11": b"\x8b\x80\0\0\0\0",
    "unmasked": b"\x81\x02no",
    "long_ping": b"\x89\xfe\x00\x7e\0\0\0\0",
    "fragmented_ping": b"\x09\x80\0\0\0\0",
    "continuation_of_nothing": b"\x80\x80\0\0\0\0",
    "length_not_minimal": b"\x82\xfe\x00\x01\0\0\0\0x",
    "close_of_one_byte": b"\x88\x81\0\0\0\0x",
}


@pytest.mark.parametrize("frame", FORBIDDEN.values(), ids=FORBIDDEN)
async def test_b21_a_frame_that_the_protocol_forbids_ends_with_1002(bare, frame):
    client, _ = await bare()

    client.send(frame)

    assert (await client.close_frame())[0] == 1002


@pytest.mark.parametrize("frame", FORBIDDEN.values(), ids=FORBIDDEN)
async def test_b21_nothing_of_a_forbidden_frame_reaches_the_platform(bare, frame):
    client, platform = await bare()

    client.say(b"before")
    client.send(frame, b"and all that follows")

    assert await platform.frame() == (0x81, b"before")
    first, payload = await platform.frame()
    assert (first, payload[:2]) == (CLOSE, close_payload(1001))
    platform.writer.close()
    assert await platform.end() == b""


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
async def test_b23_a_close_code_that_may_not_be_sent_is_the_platforms_to_answer(integration, code):
    client = await integration.connect_raw()

    client.say(close_payload(code), Opcode.CLOSE)

    assert (await client.close_frame())[0] == 1002


async def test_a_message_inside_a_message_ends_with_1002(bare):
    client, _ = await bare()

    client.say(b"begun", fin=False)
    client.say(b"another")

    assert (await client.close_frame())[0] == 1002


async def test_b20_a_message_over_the_limit_is_refused_by_its_header(bare):
    client, platform = await bare()

    client.send(b"\x82\xff" + (2**20 + 1).to_bytes(8) + bytes(4))

    assert await client.close_frame() == (1009, "message_too_big;size_bytes=1048577;limit_bytes=1048576")
    assert (await platform.frame())[0] == CLOSE


@pytest.mark.parametrize("size", [2**20 + 1, 2**20 + 200_000])
async def test_b20_a_client_that_sends_it_all_before_it_reads_still_sees_1009(integration, size):
    client = await integration.connect_raw()

    client.say(bytes(size), Opcode.BINARY)
    await client.writer.drain()

    assert (await client.close_frame())[0] == 1009


async def test_b20_fragments_that_add_up_beyond_the_limit_end_with_1009(integration):
    client = await integration.connect_raw()

    client.say(bytes(2**20), Opcode.BINARY, fin=False)
    client.say(b"x", Opcode.CONT)

    assert (await client.close_frame())[0] == 1009


async def test_b24_what_a_client_sends_after_its_close_is_not_passed_on(bare):
    client, platform = await bare()

    client.say(close_payload(1000), Opcode.CLOSE)
    client.say(b"late")

    assert await platform.frame() == (CLOSE, close_payload(1000))
    platform.send(b"\x88\x02\x03\xe8")
    platform.writer.close()
    assert await platform.end() == b""


async def test_f38_a_platform_that_breaks_the_protocol_is_closed_and_told_as_4432(bare):
    client, platform = await bare()

    platform.send(Frame(Opcode.TEXT, b"masked").serialize(mask=True))

    assert await client.close_frame() == (4432, "platform_protocol_error;cause=frame_masked")
    assert await platform.close_frame() == (1002, "frame_masked")


async def test_f38_a_platform_frame_over_the_limit_never_reaches_the_client(bare):
    client, platform = await bare()

    platform.send(b"\x82\x7f" + (2**30).to_bytes(8), bytes(1000))

    assert await client.close_frame() == (4432, "platform_protocol_error;cause=message_too_big")
    assert (await platform.close_frame())[0] == 1009


async def test_what_came_before_a_forbidden_frame_arrives(integration, simulator):
    client = await integration.connect_raw()

    client.say(b"first")
    client.send(b"\x83\x80\0\0\0\0")

    assert await client.frame() == (0x81, b"first")
    assert (await client.close_frame())[0] == 1002


@pytest.mark.slow
async def test_after_a_close_of_ours_the_sockets_end_although_nobody_answers(bare):
    client, platform = await bare()

    client.send(FORBIDDEN["opcode_3"])
    assert (await client.close_frame())[0] == 1002

    assert await client.end() == b""
    await platform.close_frame()
    assert await platform.end() == b""


async def test_a_client_that_answers_our_close_sees_its_socket_end_in_order(integration, simulator):
    connection = await integration.connect()
    await connection.send("before")
    await answer_of(connection)

    simulator.simulation.order(Fault(kind="close", code=1006))

    with pytest.raises(websockets.ConnectionClosed) as closed:
        await answer_of(connection)
    assert closed.value.rcvd_then_sent


@pytest.mark.parametrize("closes_first", ["client", "platform"])
async def test_nothing_of_ours_follows_a_close_that_was_passed_on(bare, relay, closes_first):
    client, platform = await bare()
    ends = {"client": client, "platform": platform}
    closing, other = ends[closes_first], ends["platform" if closes_first == "client" else "client"]
    [session] = [one.session for one in list(relay.worker.connections)]

    closing.send(masked(close_payload(1000), Opcode.CLOSE) if closing is client else b"\x88\x02\x03\xe8")
    assert await other.frame() == (CLOSE, close_payload(1000))
    relay.server.servers[0].get_loop().call_soon_threadsafe(session.close, CloseCode.TOKEN_REVOKED, "token_revoked")

    assert await closing.frame() == (CLOSE, close_payload(4502 if closing is client else 1001, "token_revoked"))
    other.writer.write_eof()
    assert await other.end() == b""
