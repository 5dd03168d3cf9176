import random

import pytest
from floodgate_simulator.faults.fault import Fault
from websockets.frames import Frame, Opcode

from relay.throttle.policy import Counted, Direction, Scope
from tests.relay.eventually import eventually, turns
from tests.relay.integration import answer_of
from tests.relay.records import hourly, policy
from tests.relay.seen import masked, own_session, received, traffic

pytestmark = pytest.mark.asyncio
MIB = 1024 * 1024
ORDERS = "/v2/websocket/orders"


def named(payload):
    """What a parameter is called in the list of tests."""
    return f"{type(payload).__name__}_of_{len(payload)}"


@pytest.mark.parametrize("payload", ["", "x", "é" * 100, b"", b"\0\xff", bytes(125), bytes(126), bytes(MIB)], ids=named)
async def test_a_message_of_any_size_and_kind_comes_back_equal(integration, payload):
    connection = await integration.connect(compression=None)

    await connection.send(payload)

    assert await answer_of(connection) == payload


async def test_a_fragmented_message_arrives_as_one(integration):
    connection = await integration.connect()

    await connection.send(["one, ", "", "two, ", "three"])

    assert await answer_of(connection) == "one, two, three"


async def test_bytes_reach_the_platform_as_they_were_sent(bare):
    client, platform = await bare()
    sizes = [0, 1, 125, 126, 65_535, 65_536, 300_000, 7, 7, 7]
    stream = b"".join(masked(random.randbytes(size), Opcode.BINARY) for size in sizes)

    client.send(stream)

    assert await platform.reader.readexactly(len(stream)) == stream


async def test_bytes_reach_the_client_as_they_were_sent(bare):
    client, platform = await bare()
    stream = b"".join(Frame(Opcode.BINARY, random.randbytes(size)).serialize(mask=False) for size in (0, 126, 99_999))

    platform.send(stream)

    assert await client.reader.readexactly(len(stream)) == stream


@pytest.mark.parametrize("size", [3, 126, 65_536])
async def test_a_frame_may_be_split_at_every_byte_of_its_header(bare, size):
    client, platform = await bare()
    frame = masked(random.randbytes(size), Opcode.BINARY)

    for cut in range(1, min(len(frame), 16)):
        client.send(frame[:cut])
        await turns(0.002)
        client.send(frame[cut:])
        assert await platform.reader.readexactly(len(frame)) == frame


async def test_the_begin_of_a_message_does_not_wait_for_its_end(bare):
    client, platform = await bare()
    frame = masked(bytes(MIB), Opcode.BINARY)

    client.send(frame[:1000])

    assert await platform.reader.readexactly(1000) == frame[:1000]


async def test_thousands_of_tiny_messages_in_one_piece_arrive_in_order(integration, simulator):
    client = await integration.connect_raw(ORDERS)

    client.send(*(masked(b"%d|" % number) for number in range(5000)))

    await eventually(lambda: received(simulator)["messages"] == 5000)
    assert received(simulator)["order_gaps"] == received(simulator)["duplicates"] == 0


async def test_a_neighbours_message_does_not_wait_for_a_flood_of_tiny_ones(integration, integration_of, simulator):
    flooder, neighbour = await integration.connect_raw(ORDERS), await integration_of().connect(ORDERS)

    flooder.send(masked(b"") * 200_000)
    await neighbour.send('{"id": 1}')
    await answer_of(neighbour)

    assert received(simulator)["messages"] < 200_001


async def test_a_clients_ping_is_answered_by_the_platform(integration):
    connection = await integration.connect()

    assert await (await connection.ping("are you there?")) > 0


async def test_a_platforms_ping_reaches_the_client_and_its_pong_the_platform(bare):
    client, platform = await bare()

    platform.send(b"\x89\x02hi")
    assert await client.frame() == (0x89, b"hi")
    client.say(b"hi", Opcode.PONG)

    assert await platform.frame() == (0x8A, b"hi")


async def test_a_ping_passes_between_the_fragments_of_a_message(bare):
    client, platform = await bare()

    for payload, opcode, fin in ((b"a", Opcode.TEXT, False), (b"?", Opcode.PING, True), (b"b", Opcode.CONT, True)):
        client.say(payload, opcode, fin=fin)

    assert [await platform.frame() for _ in range(3)] == [(0x01, b"a"), (0x89, b"?"), (0x80, b"b")]


async def test_what_passes_is_counted_by_messages_bytes_and_control_frames(integration, simulator):
    client = await integration.connect_raw(ORDERS)

    client.send(masked(b"one"), masked(b"?", Opcode.PING), masked(b"two", fin=False), masked(b"", Opcode.CONT))

    await eventually(lambda: received(simulator)["messages"] == 2)
    counter = traffic(integration)
    assert (counter.messages, counter.bytes, counter.control_frames) == (2, 9 + 7 + 9 + 6, 1)


@pytest.mark.parametrize("payload", [b"", bytes(10_000)], ids=named)
async def test_b28_every_message_counts_as_one_whatever_its_size(integration_of, simulator, payload):
    integration = integration_of(policies=(policy(hourly(3)),))
    client = await integration.connect_raw(ORDERS)

    client.send(masked(payload) * 5)

    await eventually(lambda: traffic(integration).waiting == 1)
    await eventually(lambda: received(simulator)["messages"] == 3)


async def test_a_fragmented_message_counts_as_one(integration_of, simulator):
    integration = integration_of(policies=(policy(hourly(3)),))
    client = await integration.connect_raw(ORDERS)
    fragments = masked(b"a", fin=False) + masked(b"b", Opcode.CONT, fin=False) + masked(b"c", Opcode.CONT)

    client.send(fragments * 4)

    await eventually(lambda: traffic(integration).waiting == 1)
    await eventually(lambda: received(simulator)["messages"] == 3)


async def test_the_strictest_zone_decides(integration_of, simulator):
    zones = hourly(9, name="client"), hourly(4, name="channel", scope=Scope.CHANNEL)
    integration = integration_of(policies=(policy(*zones),))
    client = await integration.connect_raw(ORDERS)

    client.send(masked(b"x") * 20)

    await eventually(lambda: traffic(integration).waiting == 1)
    await eventually(lambda: received(simulator)["messages"] == 4)


async def test_a_zone_of_bytes_holds_large_messages_back(integration_of, simulator):
    zone = hourly(1001, counted=Counted.BYTES)
    integration = integration_of(policies=(policy(zone),))
    client = await integration.connect_raw(ORDERS)

    client.send(masked(bytes(600)) * 4)

    await eventually(lambda: traffic(integration).waiting == 1)
    await eventually(lambda: received(simulator)["messages"] == 2)


async def test_the_further_fragments_of_a_message_are_charged_by_their_bytes(bare):
    client, platform = await bare(policies=(policy(hourly(1001, counted=Counted.BYTES)),))

    client.send(masked(bytes(600), fin=False), *(masked(bytes(600), Opcode.CONT, fin=False) for _ in range(3)))

    assert [len((await platform.frame())[1]) for _ in range(2)] == [600, 600]
    assert await platform.silence() == b""


async def test_b26_small_fragments_are_charged_by_their_bytes_too(bare):
    client, platform = await bare(policies=(policy(hourly(1001, counted=Counted.BYTES)),))

    client.send(masked(bytes(125), fin=False), masked(bytes(125), Opcode.CONT, fin=False) * 50)

    assert [len((await platform.frame())[1]) for _ in range(9)] == [125] * 9
    assert await platform.silence() == b""


async def test_b27_the_payloads_of_pings_are_charged_by_their_bytes(bare):
    client, platform = await bare(policies=(policy(hourly(1001, counted=Counted.BYTES)),))

    client.send(masked(bytes(125), Opcode.PING) * 50)

    assert [len((await platform.frame())[1]) for _ in range(9)] == [125] * 9
    assert await platform.silence() == b""


async def test_a_message_of_1_mib_passes_as_common_servers_cut_it(bare):
    client, platform = await bare()
    further = masked(bytes(8192), Opcode.CONT, fin=False) * 126

    client.send(masked(bytes(8192), fin=False), further, masked(bytes(8192), Opcode.CONT))

    assert [len((await platform.frame())[1]) for _ in range(128)] == [8192] * 128


async def test_b27_pings_beyond_their_limit_wait(integration_of):
    zone = hourly(4, name="control_frames", counted=Counted.CONTROL_FRAMES, scope=Scope.CONNECTION)
    client = await integration_of(policies=(policy(zone),)).connect_raw()

    client.send(*(masked(b"%d" % number, Opcode.PING) for number in range(10)))

    assert [await client.frame() for _ in range(4)] == [(0x8A, b"%d" % number) for number in range(4)]
    assert await client.silence() == b""


async def test_b27_pings_do_not_use_up_the_permits_of_messages(integration_of):
    client = await integration_of(policies=(policy(hourly(1)),)).connect_raw()

    client.send(masked(b"?", Opcode.PING) * 20, masked(b"message"))

    assert [await client.frame() for _ in range(21)] == [(0x8A, b"?")] * 20 + [(0x81, b"message")]


async def test_b26_tiny_fragments_count_as_control_frames(integration_of, simulator):
    zone = hourly(4, name="control_frames", counted=Counted.CONTROL_FRAMES, scope=Scope.CONNECTION)
    integration = integration_of(policies=(policy(zone),))
    client = await integration.connect_raw(ORDERS)

    client.send(masked(b"a", fin=False), masked(b"", Opcode.CONT, fin=False) * 10, masked(b"z", Opcode.CONT))

    await eventually(lambda: traffic(integration).waiting == 1)
    assert received(simulator)["messages"] == 0


async def test_a_zone_towards_the_client_holds_the_platform_back(bare):
    client, platform = await bare(policies=(policy(hourly(3, direction=Direction.TO_CLIENT)),))

    platform.send(b"\x81\x01x" * 10)
    client.say(b"the other way is free")

    assert await platform.frame() == (0x81, b"the other way is free")
    assert [await client.frame() for _ in range(3)] == [(0x81, b"x")] * 3
    assert await client.silence() == b""


async def test_f39_a_client_that_does_not_read_stops_the_platform(bare, integration_of):
    client, platform = await bare(buffer_bytes=16_384)
    client.writer.transport.pause_reading()

    platform.send((b"\x82\x7f" + MIB.to_bytes(8) + bytes(MIB)) * 40)
    await turns(0.5)

    assert platform.writer.transport.get_write_buffer_size() > MIB


async def test_f39_what_a_slow_client_left_unread_reaches_it_later(bare):
    client, platform = await bare(buffer_bytes=16_384)
    client.writer.transport.pause_reading()
    message = b"\x82\x7f" + MIB.to_bytes(8) + random.randbytes(MIB)

    platform.send(message * 20)
    await turns(0.2)
    client.writer.transport.resume_reading()

    assert await client.reader.readexactly(20 * len(message)) == message * 20


async def test_f39_the_relay_holds_little_for_a_client_that_does_not_read(integration):
    client = await integration.connect_raw("/v2/websocket/push?rate=2000&size=20000", buffer_bytes=16_384)
    client.writer.transport.pause_reading()
    transport = own_session(integration).client.transport
    await eventually(lambda: transport.get_write_buffer_size() > 64 * 1024)
    await turns(0.3)

    assert transport.get_write_buffer_size() <= 64 * 1024 + 256 * 1024
    assert traffic(integration, "push", "to_client").bytes < 3 * MIB  # the kernel's share too


async def test_f37_a_platform_that_does_not_read_stops_the_client(integration_of, simulator_of):
    simulator = await simulator_of(receive_buffer_bytes=16_384)
    client = await integration_of(simulator=simulator).connect_raw(ORDERS, buffer_bytes=65_536)
    fault = simulator.simulation.order(Fault(kind="slow_read"))

    client.send(masked(bytes(MIB), Opcode.BINARY) * 20)
    await turns(0.5)
    assert client.writer.transport.get_write_buffer_size() > MIB
    simulator.simulation.faults.remove(fault.id)
    simulator.simulation.read_as_ordered()

    await eventually(lambda: received(simulator)["messages"] == 20)


async def test_what_comes_behind_a_broken_frame_is_read_until_nothing_comes_so_no_socket_is_reset(bare):
    client, _ = await bare()

    client.send(b"\x83\x80\0\0\0\0")
    assert (await client.close_frame())[0] == 1002
    for _ in range(10):
        client.send(bytes(10_000))
        await turns(0.02)

    assert await client.reader.read() == b""


async def test_neither_side_keeps_the_other_from_its_end_where_both_go_on(bare, relay):
    await eventually(lambda: not relay.worker.connections)
    aborted = relay.worker.counters.aborted
    client, platform = await bare()

    client.send(b"\x83\x80\0\0\0\0")
    assert (await client.close_frame())[0] == 1002
    platform.send(b"\x82\x05hello" * 20_000)

    await eventually(lambda: not relay.worker.connections)
    assert relay.worker.counters.aborted == aborted
