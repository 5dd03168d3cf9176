import asyncio

import msgspec
import pytest
import pytest_asyncio

from relay.models.rollups import LONGEST_CLIENT_ID, LONGEST_NAME
from relay.store.pool import StoreUnavailable
from relay.store.telemetry_stream import read_records
from relay.telemetry.counters import HELD_BOUNDS_MS, NS_PER_MS, Counters, Flow
from relay.telemetry.differences import KEYS_A_PART
from relay.telemetry.flush import MOST_ROWS_A_RECORD, Flusher, flush_every_second
from relay.telemetry.records import HandshakeRecord, TelemetryRecord
from tests.relay.counted import BILLING, WHOSE
from tests.relay.eventually import eventually, turns

pytestmark = pytest.mark.asyncio
FLOW = Flow(*WHOSE, BILLING, "to_platform")
NOW = 1_700_000_000.5
LARGEST_RECORD_BYTES = 1_000_000


@pytest.fixture
def counters():
    return Counters()


@pytest.fixture
def flusher(counters):
    return Flusher("worker-1", counters)


@pytest_asyncio.fixture
async def flushing(counters, redis_on_loop):
    """The task that flushes every second."""
    task = asyncio.create_task(flush_every_second(redis_on_loop, "worker-1", counters))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def told():
    """All records that are in Redis."""
    return [msgspec.json.decode(record, type=TelemetryRecord) for _, record in read_records("0")]


def messages_of(records):
    """How many messages records tell of, each counted once however often it was sent."""
    once = {(record.worker, record.sequence): record for record in records}
    return sum(flow.messages for record in once.values() for flow in record.flows)


async def test_what_was_counted_is_in_redis(flusher, counters, redis, redis_on_loop):
    counters.flow(FLOW).messages += 3
    counters.flow(FLOW).bytes += 700
    counters.handshakes[*WHOSE, "accepted"] += 2

    await flusher.flush(redis_on_loop, NOW)

    [record] = told()
    assert (record.worker, record.sequence, record.ended_at) == (flusher.worker, 1, NOW)
    assert [(flow.messages, flow.bytes) for flow in record.flows] == [(3, 700)]
    assert record.handshakes == [HandshakeRecord(*WHOSE, "accepted", 2)]


async def test_a_second_in_which_nothing_happened_is_told_too(flusher, redis, redis_on_loop):
    await flusher.flush(redis_on_loop, NOW)

    [record] = told()
    assert (record.flows, record.handshakes) == ([], [])


async def test_the_sums_in_redis_are_what_was_counted(flusher, counters, redis, redis_on_loop):
    for count in (5, 0, 1, 1000):
        counters.flow(FLOW).messages += count
        await flusher.flush(redis_on_loop, NOW)

    assert [record.sequence for record in told()] == [1, 2, 3, 4]
    assert messages_of(told()) == counters.flow(FLOW).messages == 1006


async def test_a_process_is_known_before_it_has_counted_anything(redis, counters, flushing):
    [record] = await eventually(told)

    assert (record.sequence, record.flows, record.is_last) == (1, [], False)


async def test_f1_the_last_record_of_a_process_says_so(redis, counters, flushing):
    await eventually(told)

    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)

    assert [record.is_last for record in told()] == [False, True]


async def test_f9_a_record_that_could_not_be_sent_is_sent_again_as_it_was(flusher, counters, own_server, redis_on_loop):
    counters.flow(FLOW).messages += 3
    with own_server.frozen(), pytest.raises(StoreUnavailable):
        await flusher.flush(redis_on_loop, NOW)
    counters.flow(FLOW).messages += 4

    await flusher.flush(redis_on_loop, NOW + 1)

    assert {(record.sequence, record.ended_at) for record in told()} == {(1, NOW), (2, NOW + 1)}
    assert messages_of(told()) == 7


async def test_f8_nothing_is_lost_or_doubled_while_redis_is_away(flusher, counters, own_server, redis_on_loop):
    own_server.end()
    for _ in range(5):
        counters.flow(FLOW).messages += 10
        with pytest.raises(StoreUnavailable):
            await flusher.flush(redis_on_loop, NOW)

    own_server.start()
    await flusher.flush(redis_on_loop, NOW)

    assert [record.sequence for record in told()] == [1, 2]
    assert messages_of(told()) == counters.flow(FLOW).messages == 50


async def test_f13_nothing_is_lost_while_redis_is_full(flusher, counters, own_server, redis_on_loop):
    counters.flow(FLOW).messages += 3
    await redis_on_loop.config_set("maxmemory", "1")
    with pytest.raises(StoreUnavailable):
        await flusher.flush(redis_on_loop, NOW)

    await redis_on_loop.config_set("maxmemory", "0")
    await flusher.flush(redis_on_loop, NOW)

    assert messages_of(told()) == 3


async def test_what_is_counted_while_a_record_is_under_way_is_in_the_next(flusher, counters, own_server, redis_on_loop):
    counters.flow(FLOW).messages += 3
    flushing = asyncio.create_task(flusher.flush(redis_on_loop, NOW))
    await turns(0)
    counters.flow(FLOW).messages += 4
    await flushing

    await flusher.flush(redis_on_loop, NOW)

    assert [sum(flow.messages for flow in record.flows) for record in told()] == [3, 4]


def count_many(counters, clients, messages=1):
    """Count so many messages of so many clients."""
    for number in range(clients):
        counters.flow(FLOW._replace(client_id=str(number))).messages += messages


async def test_too_much_for_one_record_makes_several(flusher, counters, redis, redis_on_loop):
    count_many(counters, 10_000)

    await flusher.flush(redis_on_loop, NOW, is_last=True)

    encoded = [record for _, record in read_records("0")]
    assert max(map(len, encoded)) < LARGEST_RECORD_BYTES
    assert [record.sequence for record in told()] == list(range(1, len(encoded) + 1))
    assert [record.is_last for record in told()] == [False] * (len(encoded) - 1) + [True]
    assert messages_of(told()) == 10_000


async def test_the_largest_record_that_can_be_is_bounded(flusher, counters, redis, redis_on_loop):
    for number in range(3 * MOST_ROWS_A_RECORD):
        client_id = f"{number:04}".rjust(LONGEST_CLIENT_ID, '"')
        counter = counters.flow(FLOW._replace(client_id=client_id, direction="d" * LONGEST_NAME))
        for held_ms in (0, *HELD_BOUNDS_MS):
            counter.passed_after(held_ms * NS_PER_MS + 1)
        counter.bytes = counter.control_frames = counter.waiting = 2**47

    await flusher.flush(redis_on_loop, NOW)

    assert max(len(record) for _, record in read_records("0")) < LARGEST_RECORD_BYTES


async def test_a_flush_of_many_clients_lets_others_have_their_turn(flusher, counters, redis, redis_on_loop):
    count_many(counters, 10_000)
    await flusher.flush(redis_on_loop, NOW)
    flushing, loop, others = asyncio.create_task(flusher.flush(redis_on_loop, NOW)), asyncio.get_running_loop(), []

    def other():
        others.append(1)
        if not flushing.done():
            loop.call_soon(other)

    other()
    await flushing

    assert len(others) >= 10_000 / KEYS_A_PART


@pytest.mark.parametrize("turn", range(0, 60, 7))
async def test_a_flush_that_is_cancelled_anywhere_loses_and_doubles_nothing(
    turn, flusher, counters, redis, redis_on_loop
):
    count_many(counters, 3000)
    flushing = asyncio.create_task(flusher.flush(redis_on_loop, NOW))
    for _ in range(turn):
        await turns(0)
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    count_many(counters, 3000, messages=2)

    await flusher.flush(redis_on_loop, NOW, is_last=True)

    assert sorted({record.sequence for record in told()}) == list(range(1, told()[-1].sequence + 1))
    assert messages_of(told()) == 9000


async def test_f9_a_store_that_goes_away_between_two_records_loses_and_doubles_nothing(
    flusher, counters, own_server, redis_on_loop
):
    count_many(counters, 3000)
    flushing = asyncio.create_task(flusher.flush(redis_on_loop, NOW))
    await eventually(told)
    with own_server.frozen():
        await asyncio.gather(flushing, return_exceptions=True)
    count_many(counters, 3000, messages=2)

    await flusher.flush(redis_on_loop, NOW)

    assert messages_of(told()) == 9000


async def test_counters_are_flushed_without_being_asked(redis, counters, flushing):
    counters.flow(FLOW).messages += 3

    await eventually(lambda: messages_of(told()) == 3)


async def test_the_last_second_is_flushed_at_the_end(counters, redis, redis_on_loop):
    flushing = asyncio.create_task(flush_every_second(redis_on_loop, "worker-1", counters))
    await turns(0)
    counters.flow(FLOW).messages += 3

    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)

    assert messages_of(told()) == 3


async def test_f8_the_log_says_once_that_redis_is_away(own_server, flushing, counters, caplog):
    own_server.end()
    await eventually(lambda: "telemetry_store_away" in caplog.text)

    await turns(1.2)

    assert len(caplog.messages) == 1


async def test_f8_an_end_without_redis_is_said_and_holds_up_nobody(counters, own_server, redis_on_loop, caplog):
    flushing = asyncio.create_task(flush_every_second(redis_on_loop, "worker-1", counters))
    await turns(0)
    own_server.end()

    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)

    assert flushing.cancelled()
    assert "last_second_not_flushed" in caplog.text
