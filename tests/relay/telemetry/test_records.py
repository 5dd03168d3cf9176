import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.telemetry.counters import Counters, Flow
from relay.telemetry.records import Differences, FlowRecord, HandshakeRecord, TelemetryRecord

FLOW = Flow("acme", "crm-sync", "billing", "to_platform")
ADMITTED = ("acme", "crm-sync", "admitted")


@pytest.fixture
def counters():
    return Counters()


def test_the_first_record_tells_all_that_was_counted(counters):
    counters.flow(FLOW).messages += 2
    counters.flow(FLOW).passed_after(15_000_000)
    counters.flow(FLOW).bytes += 300
    counters.flow(FLOW).control_frames += 1

    flows, _ = Differences().take(counters)

    assert flows == [FlowRecord(*FLOW, 3, 300, 1, 1, 0, [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]


def test_the_next_record_tells_what_came_since(counters):
    differences = Differences()
    counters.flow(FLOW).messages += 2
    differences.take(counters)
    counters.flow(FLOW).messages += 5

    [record], _ = differences.take(counters)

    assert (record.messages, record.held[0]) == (5, 5)


def test_what_did_not_change_is_left_out(counters):
    differences = Differences()
    counters.flow(FLOW).messages += 2
    counters.handshakes[ADMITTED] += 1
    differences.take(counters)

    assert differences.take(counters) == ([], [])


def test_how_many_wait_is_told_as_it_is_and_not_as_a_difference(counters):
    differences = Differences()
    told = []
    for waiting in (3, 2, 0):
        counters.flow(FLOW).waiting = waiting
        told += [record.waiting for record in differences.take(counters)[0]]

    assert told == [3, 2, 0]


def test_handshakes_are_told_by_client_and_result(counters):
    differences = Differences()
    counters.handshakes[ADMITTED] += 2
    differences.take(counters)
    counters.handshakes[ADMITTED] += 1
    counters.handshakes["acme", "crm-sync", "rate_limited"] += 4

    _, handshakes = differences.take(counters)

    assert handshakes == [HandshakeRecord(*ADMITTED, 1), HandshakeRecord("acme", "crm-sync", "rate_limited", 4)]


def test_nothing_counted_tells_nothing(counters):
    assert Differences().take(counters) == ([], [])


def test_what_was_told_does_not_change_with_the_counters(counters):
    counters.flow(FLOW).messages += 1
    [record], _ = Differences().take(counters)

    counters.flow(FLOW).messages += 1

    assert record.held[0] == 1


def test_a_record_is_read_as_it_was_written(counters):
    counters.flow(FLOW).messages += 1
    counters.handshakes[ADMITTED] += 1
    flows, handshakes = Differences().take(counters)
    record = TelemetryRecord("relay-1", 7, 1_700_000_000.5, flows, handshakes)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=TelemetryRecord) == record


def test_a_record_of_an_older_relay_is_not_the_last_of_its_process():
    encoded = b'{"worker":"7-ab","sequence":1,"ended_at":1700000000.5,"flows":[],"handshakes":[]}'

    assert not msgspec.json.decode(encoded, type=TelemetryRecord).is_last


@pytest.mark.parametrize(
    "wrong",
    [
        {"worker": ""},
        {"worker": "x" * 65},
        {"sequence": 0},
        {"ended_at": -1.0},
        {"ended_at": 1e12},
        {"handshakes": [HandshakeRecord("x" * 101, "crm-sync", "accepted", 1)]},
        {"handshakes": [HandshakeRecord(*ADMITTED, -1)]},
        {"handshakes": [HandshakeRecord(*ADMITTED, 2**63)]},
        {"flows": [FlowRecord(*FLOW, 1, 1, 0, 0, 0, [1])]},
    ],
)
def test_what_the_database_would_refuse_cannot_be_read(wrong):
    fields = {"worker": "7-ab", "sequence": 1, "ended_at": 1_700_000_000.5, "flows": [], "handshakes": []}
    encoded = msgspec.json.encode(TelemetryRecord(**fields | wrong))

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(encoded, type=TelemetryRecord)


@settings(deadline=None)  # a busy machine is slow
@given(st.lists(st.lists(st.integers(0, 10**9), max_size=5), max_size=10))
def test_all_records_together_tell_each_message_once(seconds):
    counters, differences, told = Counters(), Differences(), 0
    for held_ns in seconds:
        for held in held_ns:
            counters.flow(FLOW).passed_after(held)
        told += sum(record.messages for record in differences.take(counters)[0])

    assert told == sum(len(held_ns) for held_ns in seconds)
