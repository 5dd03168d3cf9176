import gc
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.telemetry.counters import Counters, Flow, ThrottleKey
from relay.telemetry.differences import KEYS_A_PART, QUIET_NS, SWEPT_EVERY_NS, Differences, Part
from relay.telemetry.records import FlowRecord, HandshakeRecord
from relay.throttle.policy import SECOND_NS, ZoneSource
from tests.relay import records
from tests.relay.counted import BILLING, WHOSE

FLOW = Flow(*WHOSE, BILLING, "to_platform")
ACCEPTED = (*WHOSE, "accepted")
NOON = 1_700_000_000.0
START_NS = 1000 * SECOND_NS
CHURNED = 5000


@pytest.fixture
def counters():
    return Counters()


@pytest.fixture
def differences(counters):
    return Differences(counters)


def taken(differences, now_ns=START_NS):
    """All parts of one walk."""
    whole = Part([], [], [])
    for part in differences.take(now_ns, NOON):
        whole.add(part)
    return whole


def is_empty(counters):
    """Tell whether a process that has counted much holds as much as one that has counted nothing."""
    tables = (counters.traffic, counters.handshakes, counters.open_connections, counters.throttles)
    names = counters.names
    return not any((*tables, counters.evicted_throttles, names.tenants, names.clients, names.channels))


def test_the_first_record_tells_all_that_was_counted(counters, differences):
    counters.flow(FLOW).messages += 2
    counters.flow(FLOW).passed_after(15_000_000)
    counters.flow(FLOW).bytes += 300
    counters.flow(FLOW).control_frames += 1

    assert taken(differences).flows == [
        FlowRecord(*FLOW, 3, 300, 1, 1, 0, [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    ]


def test_the_next_record_tells_what_came_since(counters, differences):
    counters.flow(FLOW).messages += 2
    taken(differences)
    counters.flow(FLOW).messages += 5

    [record] = taken(differences).flows

    assert (record.messages, record.held[0]) == (5, 5)


def test_what_did_not_change_is_left_out(counters, differences):
    counters.flow(FLOW).messages += 2
    counters.flow(FLOW._replace(direction="to_client"))
    counters.handshakes[ACCEPTED] += 1
    taken(differences)

    assert taken(differences) == ([], [], [])


@pytest.mark.parametrize("field", ["messages", "bytes", "control_frames", "waiting"])
def test_any_change_is_told(field, counters, differences):
    counters.flow(FLOW)
    taken(differences)
    setattr(counters.flow(FLOW), field, 1)

    assert [getattr(record, field) for record in taken(differences).flows] == [1]


def test_how_many_wait_is_told_as_it_is_and_not_as_a_difference(counters, differences):
    told = []
    for waiting in (3, 2, 0):
        counters.flow(FLOW).waiting = waiting
        told += [record.waiting for record in taken(differences).flows]

    assert told == [3, 2, 0]


def test_handshakes_are_told_by_client_and_result(counters, differences):
    counters.handshakes[ACCEPTED] += 2
    taken(differences)
    counters.handshakes[ACCEPTED] += 1
    counters.handshakes[*WHOSE, "rate_limited"] += 4

    assert taken(differences).handshakes == [
        HandshakeRecord(*ACCEPTED, 1),
        HandshakeRecord(*WHOSE, "rate_limited", 4),
    ]


def test_what_was_told_does_not_change_with_the_counters(counters, differences):
    counters.flow(FLOW).messages += 1
    [record] = taken(differences).flows

    counters.flow(FLOW).messages += 1

    assert record.held[0] == 1


def test_many_counters_are_told_in_parts(counters, differences):
    for number in range(3 * KEYS_A_PART):
        counters.flow(FLOW._replace(client_id=str(number))).messages += 1

    sizes = [part.size() for part in differences.take(START_NS, NOON)]

    assert sizes == [KEYS_A_PART] * 3


def test_a_walk_that_ends_half_way_leaves_the_rest_to_the_next(counters, differences):
    for number in range(2 * KEYS_A_PART):
        counters.flow(FLOW._replace(client_id=str(number))).messages += 1
    first = next(differences.take(START_NS, NOON))

    assert (first.size(), taken(differences).size()) == (KEYS_A_PART, KEYS_A_PART)


def test_a_counter_that_appears_during_a_walk_is_told_by_the_next(counters, differences):
    counters.flow(FLOW).messages += 1
    walk = differences.take(START_NS, NOON)
    next(walk)
    counters.flow(FLOW._replace(client_id="other")).messages += 1
    assert list(walk) == []

    assert [record.client_id for record in taken(differences).flows] == ["other"]


def test_what_is_quiet_for_long_is_evicted(counters, differences):
    counters.flow(FLOW).messages += 1
    counters.handshakes[ACCEPTED] += 1
    counters.names.learn(
        records.client(records.platform_connection("http://x"), client_id=WHOSE[1], tenant_id=WHOSE[0])
    )
    taken(differences)
    taken(differences, START_NS + QUIET_NS - 1)
    assert (len(counters.traffic), len(counters.handshakes)) == (1, 1)

    taken(differences, START_NS + QUIET_NS)
    taken(differences, START_NS + QUIET_NS + SWEPT_EVERY_NS)

    assert is_empty(counters)


def test_nothing_is_evicted_that_a_record_has_not_told(counters, differences):
    counters.flow(FLOW).messages += 1
    counters.handshakes[ACCEPTED] += 1
    taken(differences)
    counters.flow(FLOW).messages += 2
    counters.handshakes[ACCEPTED] += 3

    last = taken(differences, START_NS + 2 * QUIET_NS)

    assert ([record.messages for record in last.flows], [record.count for record in last.handshakes]) == ([2], [3])


def test_what_an_open_connection_counts_in_is_not_evicted(counters, differences):
    counter = counters.flow(FLOW)
    counter.messages += 1
    for moment in range(5):
        taken(differences, START_NS + moment * 2 * QUIET_NS)
    counter.messages += 1

    assert [record.messages for record in taken(differences, START_NS + 11 * QUIET_NS).flows] == [1]


def test_a_flow_that_comes_back_is_counted_from_nothing(counters, differences):
    counters.flow(FLOW).messages += 5
    taken(differences)
    taken(differences, START_NS + QUIET_NS)
    counters.flow(FLOW).messages += 2

    assert [record.messages for record in taken(differences, START_NS + QUIET_NS).flows] == [2]


def test_what_waits_is_never_evicted(counters, differences):
    counters.flow(FLOW).waiting = 1
    throttle_key = ThrottleKey(*WHOSE, BILLING, ZoneSource("p1", 1, "client"))
    counters.throttle(throttle_key).hold(START_NS)
    for moment in range(3):
        taken(differences, START_NS + moment * QUIET_NS)

    assert counters.throttle(throttle_key).waiting == 1


def test_versions_that_come_and_go_leave_one_sum(counters, differences):
    for version in range(1, 3601):
        counters.throttle(ThrottleKey(*WHOSE, BILLING, ZoneSource("p1", version, "client"))).refuse(START_NS)
        taken(differences, START_NS + version * SECOND_NS)
    taken(differences, START_NS + 3601 * SECOND_NS)

    assert len(counters.throttles) == 0
    assert [totals.refused for totals, _ in counters.evicted_throttles.values()] == [3600]


def test_the_sum_of_a_zone_stays_as_long_as_it_acts(counters, differences):
    def key(version):
        return ThrottleKey(*WHOSE, BILLING, ZoneSource("p1", version, "client"))

    counters.throttle(key(1)).refuse(START_NS)
    taken(differences)
    waiting = counters.throttle(key(2))
    waiting.hold(START_NS)
    for moment in range(4):
        taken(differences, START_NS + moment * QUIET_NS)
    assert [totals.refused for totals, _ in counters.evicted_throttles.values()] == [1]

    waiting.let_go(START_NS, START_NS + 3 * QUIET_NS)
    del waiting
    for moment in range(4, 7):
        taken(differences, START_NS + moment * QUIET_NS)

    assert is_empty(counters)


def test_names_stay_as_long_as_something_is_counted(counters, differences):
    client = records.client(records.platform_connection("http://x"))
    counters.names.learn(client, client.channels[0])
    counter = counters.flow(Flow(client.tenant_id, client.client_id, client.channels[0].id, "to_platform"))
    for moment in range(5):
        counter.messages += 1
        taken(differences, START_NS + moment * QUIET_NS)

    names = counters.names
    assert names.tenants == {client.tenant_id: client.tenant_slug}
    assert (names.clients, names.channels) == ({client.client_id: client.name}, {client.channels[0].id: "echo"})


def test_clients_that_came_and_went_leave_nothing(counters, differences):
    connection = records.platform_connection("http://x")
    one = records.client(connection)
    taken(differences)
    gc.collect()
    tracemalloc.start()
    for number in range(CHURNED):
        client_id = str(number)
        counters.connection_opened(WHOSE[0], client_id, "orders")
        counters.handshakes[WHOSE[0], client_id, "accepted"] += 1
        counters.flow(Flow(WHOSE[0], client_id, BILLING, "to_platform")).messages += 1
        counters.names.clients[client_id] = one.name
        counters.throttle(ThrottleKey(WHOSE[0], client_id, BILLING, ZoneSource("p1", 1, "client"))).refuse(START_NS)
        counters.connection_closed(WHOSE[0], client_id, "orders")
    told = taken(differences).size()
    for moment in range(1, 5):
        taken(differences, START_NS + moment * QUIET_NS)
    gc.collect()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (told, is_empty(counters)) == (3 * CHURNED, True)
    assert left < 150 * CHURNED  # tables that were large stay so, empty; a client had over 1,000 bytes


@settings(deadline=None)  # a busy machine is slow
@given(st.lists(st.tuples(st.integers(0, 2 * QUIET_NS), st.lists(st.integers(0, 10**9), max_size=5)), max_size=10))
def test_all_records_together_tell_each_message_once(seconds):
    counters, now_ns, told = Counters(), START_NS, 0
    differences = Differences(counters)
    for pause_ns, held_ns in seconds:
        now_ns += pause_ns
        for held in held_ns:
            counters.flow(FLOW).passed_after(held)
        told += sum(record.messages for record in taken(differences, now_ns).flows)

    assert told == sum(len(held_ns) for _, held_ns in seconds)
