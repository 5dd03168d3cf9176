"""Lines: who waits for a zone, in which order, and who wakes them."""

import asyncio
import time
from dataclasses import replace

import pytest
import pytest_asyncio
from floodgate_simulator.faults.fault import Fault
from websockets.frames import Opcode

from relay.splicing.waiting import WaitingRoom
from relay.telemetry.defects import defects
from relay.throttle.limiter import Limiter
from relay.throttle.policy import SECOND_NS, Beyond, Direction, Scope, ZonePolicy
from relay.throttle.verdict import Action
from relay.throttle.zone import Zone
from tests.relay.eventually import eventually, turns
from tests.relay.integration import close_of
from tests.relay.records import hourly, policy
from tests.relay.seen import masked, own_session, received, throttle, traffic

pytestmark = pytest.mark.asyncio

FAST = ZonePolicy(name="client", permits=200)
LIMITED = ZonePolicy(name="client", permits=200, burst=60, delay=10)
MIB = 1024 * 1024
ORDERS = "/v2/websocket/orders"
ONE_A_DAY = replace(FAST, permits=1, period_ns=86_400 * SECOND_NS)


class Waiting:
    """Somebody with one message, who notes when it may go."""

    def __init__(self, name, room, zone, gone):
        self.name, self.room, self.zone, self.gone = name, room, zone, gone
        self.throttled_since_ns = self.held_since_ns = time.monotonic_ns()
        self.held_bytes = 0

    def count_if_throttled(self, now_ns):
        pass

    def ask_again(self, now_ns):
        if self.zone.has_room(now_ns):
            self.zone.charge(self.zone.interval_ns, now_ns)
            self.gone.append(self.name)
        else:
            self.room.join(self.zone, self)


@pytest_asyncio.fixture
async def room():
    return WaitingRoom(asyncio.get_running_loop())


def line(room, zone, names):
    gone = []
    waiting = [Waiting(name, room, zone, gone) for name in names]
    Limiter([zone]).admit(time.monotonic_ns())
    for one in waiting:
        room.join(zone, one)
    return waiting, gone


async def test_those_who_wait_go_in_the_order_in_which_they_came(room):
    _, gone = line(room, Zone(FAST), "abcd")

    await eventually(lambda: len(gone) == 4)

    assert gone == ["a", "b", "c", "d"]
    assert len(room) == 0


async def test_newcomers_are_sent_to_the_end_while_somebody_waits(room):
    zone = Zone(FAST)
    _, gone = line(room, zone, "a")

    assert not Limiter([zone]).admit(zone.opens_at_ns()).reserved
    assert Limiter([zone]).admit(zone.opens_at_ns()).zone == "client"
    await eventually(lambda: gone == ["a"])
    assert Limiter([zone]).admit(zone.opens_at_ns()).zone == ""


async def test_who_leaves_is_not_asked_and_opens_the_gate_when_last(room):
    zone = Zone(ONE_A_DAY)
    waiting, gone = line(room, zone, "ab")

    for one in waiting:
        room.leave(zone, one)

    assert (len(room), gone) == (0, [])
    assert zone.gate_ns == zone.delay_ns


async def test_a_version_with_a_higher_rate_frees_a_line_that_would_have_waited_for_a_day(room):
    zone = Zone(ONE_A_DAY)
    waiting, gone = line(room, zone, "abc")

    zone.adopt(FAST, time.monotonic_ns())
    for one in waiting:  # as sessions do when they adopt a version
        room.leave(zone, one)
        one.ask_again(time.monotonic_ns())

    await eventually(lambda: sorted(gone) == ["a", "b", "c"])


class Closing(Waiting):
    """Somebody whose zone closes on those who wait for too long."""

    def ask_again(self, now_ns):
        verdict = Limiter([self.zone]).admit_waiting(now_ns, 0, self.throttled_since_ns, self.throttled_since_ns)
        self.gone.append(verdict.action)


async def test_who_has_waited_for_too_long_is_closed_before_its_turn(room):
    zone = Zone(replace(ONE_A_DAY, beyond=Beyond.CLOSE, close_after_waiting_seconds=1))
    Limiter([zone]).admit(time.monotonic_ns())
    gone = []

    for name in "ab":
        room.join(zone, Closing(name, room, zone, gone))

    await eventually(lambda: gone == [Action.CLOSE] * 2)
    assert len(room) == 0


class Failing(Waiting):
    """Somebody who cannot be asked, nor always be ended."""

    can_be_ended = True

    def ask_again(self, _now_ns):
        raise ValueError(self.name)

    def fail(self, error):
        self.gone.append(str(error))
        if not self.can_be_ended:
            raise RuntimeError(self.name)


@pytest.mark.parametrize("can_be_ended", [True, False])
async def test_one_who_fails_is_ended_and_the_line_goes_on(room, can_be_ended):
    zone, gone = Zone(FAST), []
    line = [Waiting("a", room, zone, gone), Failing("b", room, zone, gone), Waiting("c", room, zone, gone)]
    line[1].can_be_ended = can_be_ended
    Limiter([zone]).admit(time.monotonic_ns())

    counted = defects().get("line", 0)
    for one in line:
        room.join(zone, one)
    await eventually(lambda: len(gone) == 3)

    assert gone == ["a", "b", "c"]
    assert defects().get("line", 0) - counted == (not can_be_ended)


async def test_a_session_whose_held_message_cannot_be_judged_ends_alone(integration_of, simulator, relay):
    zone = ZonePolicy(name="channel", permits=5, scope=Scope.CONNECTION)
    policies = {"policies": (policy(zone),)}
    integration, beside = integration_of(**policies), integration_of(**policies)
    client, other = await integration.connect_raw(ORDERS), await beside.connect_raw(ORDERS)
    client.send(masked(b"x") * 3)
    await eventually(lambda: traffic(integration).waiting == 1)

    own_session(integration).client._limits = None  # noqa: SLF001 - a defect, of whatever kind
    other.send(masked(b"y") * 3)

    assert await client.end() == b""
    await eventually(lambda: traffic(beside).messages == 3)
    assert (traffic(integration).waiting, len(relay.worker.connections)) == (0, 1)


async def test_beyond_the_delay_a_message_waits(integration_of, simulator):
    integration = integration_of(policies=(policy(hourly(11, burst=20)),))
    client = await integration.connect_raw(ORDERS)

    client.send(*(masked(b"%d|" % number) for number in range(50)))

    await eventually(lambda: traffic(integration).waiting == 1)
    await eventually(lambda: received(simulator)["messages"] == 11)


async def test_nothing_of_a_message_that_waits_is_sent(bare):
    client, platform = await bare(policies=(policy(hourly(1)),))

    client.send(masked(b"passes"), masked(b"waits"))
    assert await platform.frame() == (0x81, b"passes")

    assert await platform.silence() == b""


@pytest.mark.slow
async def test_l7_a_throttled_connection_gets_its_rate_and_never_more(integration_of, simulator):
    connection = await integration_of(policies=(policy(LIMITED),)).connect(ORDERS, ping_interval=None)
    began_at = time.time()

    for number in range(500):
        await connection.send(f"{number}|")
    await eventually(lambda: received(simulator)["messages"] == 500)

    arrived = [line.received_at - began_at for line in simulator.simulation.ledger.received.after(0)]
    assert all(count <= LIMITED.permits * at + LIMITED.burst + 1 for count, at in enumerate(arrived, 1))
    assert len(arrived) >= 0.99 * LIMITED.permits * arrived[-1]
    assert received(simulator)["order_gaps"] == received(simulator)["duplicates"] == 0


async def test_a_connection_that_waits_is_not_read_so_its_sender_is_stopped(integration_of):
    integration = integration_of(policies=(policy(hourly(1)),))
    client = await integration.connect_raw(ORDERS, buffer_bytes=65_536)

    client.send(masked(bytes(1000), Opcode.BINARY) * 4000)
    await eventually(lambda: traffic(integration).waiting == 1)
    await turns(0.3)

    assert client.writer.transport.get_write_buffer_size() > 3 * MIB


async def test_what_was_taken_from_a_client_that_left_is_delivered(integration_of, simulator):
    integration = integration_of(policies=(policy(LIMITED),))
    client = await integration.connect_raw(ORDERS)

    client.send(*(masked(b"%d|" % number) for number in range(100)))
    client.writer.close()

    await eventually(lambda: received(simulator)["messages"] == 100)
    assert received(simulator)["order_gaps"] == 0


async def test_what_was_held_is_counted_with_how_long(integration_of, simulator):
    integration = integration_of(policies=(policy(LIMITED),))
    connection = await integration.connect(ORDERS)

    for number in range(30):
        await connection.send(f"{number}|")
    await eventually(lambda: received(simulator)["messages"] == 30)

    counter = traffic(integration)
    assert (counter.messages, counter.waiting, sum(counter.held)) == (30, 0, 30)
    assert counter.waited >= 10


async def test_what_a_zone_holds_back_is_counted_with_its_version_and_for_how_long(integration_of, simulator):
    integration = integration_of(policies=(policy(LIMITED, version=7),))
    client = await integration.connect_raw(ORDERS)

    client.send(*(masked(b"%d|" % number) for number in range(60)))
    await eventually(lambda: received(simulator)["messages"] == 60)

    version, counter = throttle(integration)
    assert (version, counter.waited, counter.waiting) == (7, traffic(integration).waited, 0)
    assert counter.held_ns >= 4_000_000
    assert 0 < counter.first_ns < counter.last_ns


async def test_who_leaves_does_not_go_on_waiting_in_the_counts(integration_of):
    integration = integration_of(policies=(policy(hourly(1, direction=Direction.TO_CLIENT)),))
    client = await integration.connect_raw("/v2/websocket/echo")
    client.send(masked(b"x") * 3)
    await eventually(lambda: traffic(integration, "echo", "to_client").waiting == 1)

    client.writer.transport.abort()

    await eventually(lambda: throttle(integration)[1].waiting == 0)


async def test_a_zone_that_closes_does_so_after_its_seconds_and_says_why(integration_of):
    zone = hourly(2, beyond=Beyond.CLOSE, close_after_waiting_seconds=1)
    integration = integration_of(policies=(policy(zone),))
    client = await integration.connect_raw(ORDERS)

    client.send(masked(b"x") * 5)

    code, reason = await client.close_frame()
    word, named, retry_after = reason.split(";")
    assert (code, word, named) == (4429, "rate_limited", "zone=client")
    assert throttle(integration)[1].closed == 1
    assert 3_590_000 <= int(retry_after.removeprefix("retry_after_ms=")) <= 3_600_000


TWO_A_SECOND = ZonePolicy(name="client", permits=2, beyond=Beyond.CLOSE, close_after_waiting_seconds=1)


async def test_a_client_that_was_silent_after_a_wait_is_not_closed_at_its_next_burst(integration_of, simulator):
    client = await integration_of(policies=(policy(TWO_A_SECOND),)).connect_raw(ORDERS)
    client.send(masked(b"x") * 2)
    await eventually(lambda: received(simulator)["messages"] == 2)
    await turns(0.7)

    client.send(masked(b"x") * 2)

    await eventually(lambda: received(simulator)["messages"] == 4)


async def test_a_flood_whose_next_message_comes_when_the_former_has_gone_on_is_closed(bare):
    client, platform = await bare(policies=(policy(replace(TWO_A_SECOND, permits=3)),))
    client.send(masked(b"x") * 2)

    async def flood():
        while True:
            await platform.frame()
            client.send(masked(b"x"))

    flooding = asyncio.create_task(flood())
    code, _ = await client.close_frame()
    flooding.cancel()

    assert code == 4429


async def test_a_throttled_client_that_answers_no_ping_stays_connected(integration_of):
    client = await integration_of(policies=(policy(hourly(1)),)).connect_raw(ORDERS)

    client.send(masked(b"x") * 3)

    assert await client.silence(1.0) == b""
    assert not client.reader.at_eof()


async def test_a_close_ends_a_connection_that_waits(integration_of, simulator):
    client = await integration_of(policies=(policy(hourly(1)),)).connect_raw(ORDERS)
    client.send(masked(b"x") * 3)
    await eventually(lambda: received(simulator)["messages"] == 1)

    simulator.simulation.order(Fault(kind="close", code=4001))

    assert await client.close_frame() == (4001, "")


async def test_a_closed_flood_ends_although_it_goes_on_sending(integration_of, simulator):
    zone = hourly(2, beyond=Beyond.CLOSE, close_after_waiting_seconds=1)
    connection = await integration_of(policies=(policy(zone),)).connect(ORDERS, ping_interval=None)

    for _ in range(2000):
        await connection.send(bytes(1000))

    assert (await close_of(connection))[0] == 4429


async def test_a_client_that_leaves_while_the_platforms_messages_wait_ends_the_session(bare, relay):
    client, platform = await bare(policies=(policy(hourly(1, direction=Direction.TO_CLIENT)),))
    platform.send(b"\x81\x01x" * 3)
    assert await client.frame() == (0x81, b"x")

    client.writer.transport.abort()

    assert await platform.end() == b""
    await eventually(lambda: not relay.worker.connections)


async def test_a_platform_that_breaks_off_in_a_frame_ends_a_client_whose_messages_wait(bare, relay):
    client, platform = await bare(policies=(policy(hourly(1)),))
    client.send(masked(b"x") * 3)
    await platform.frame()

    platform.send(b"\x81\x05half")
    assert await client.reader.readexactly(6) == b"\x81\x05half"
    platform.writer.transport.abort()

    assert await client.end() == b""
    await eventually(lambda: not relay.worker.connections)


async def test_a_platform_that_goes_ends_what_waits_of_a_client_that_left(bare, relay):
    client, platform = await bare(policies=(policy(hourly(1)),))
    client.send(masked(b"x") * 3)
    await platform.frame()
    client.writer.transport.abort()
    await turns(0.1)

    platform.writer.transport.abort()

    await eventually(lambda: not relay.worker.connections)
