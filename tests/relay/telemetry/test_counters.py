import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.telemetry.counters import (
    HELD_BOUNDS_MS,
    NS_PER_MS,
    Counters,
    Flow,
    TrafficCounter,
    evict_unless_held,
    held_quantile_ms,
)
from tests.relay import records
from tests.relay.counted import BILLING, WHOSE

FLOW = Flow(*WHOSE, BILLING, "to_platform")
LONGEST = len(HELD_BOUNDS_MS)


def test_messages_that_pass_at_once_are_counted_as_hardly_held():
    counter = TrafficCounter()

    counter.messages += 3

    assert (counter.held[0], sum(counter.held)) == (3, 3)


def test_without_messages_nothing_was_held():
    assert sum(TrafficCounter().held) == 0


@pytest.mark.parametrize(
    ("held_ns", "bucket"),
    [
        (0, 0),
        (1 * NS_PER_MS, 0),
        (1 * NS_PER_MS + 1, 1),
        (100 * NS_PER_MS, 6),
        (30_000 * NS_PER_MS, LONGEST - 1),
        (30_000 * NS_PER_MS + 1, LONGEST),
    ],
)
def test_a_message_that_waited_is_counted_under_the_bound_that_it_does_not_exceed(held_ns, bucket):
    counter = TrafficCounter()

    counter.passed_after(held_ns)

    assert (counter.messages, counter.waited, counter.held[bucket], sum(counter.held)) == (1, 1, 1, 1)


def test_one_flow_has_one_counter():
    counters = Counters()

    counters.flow(FLOW).messages += 1
    counters.flow(Flow(*FLOW)).messages += 1

    assert counters.traffic == {FLOW: counters.flow(FLOW)}
    assert counters.flow(FLOW).messages == 2


def test_another_direction_is_another_flow():
    counters = Counters()

    counters.flow(FLOW).messages += 1

    assert counters.flow(FLOW._replace(direction="to_client")).messages == 0


def test_a_client_without_connections_has_no_key():
    counters = Counters()
    for _ in range(2):
        counters.connection_opened(*WHOSE, "orders")
    counters.connection_closed(*WHOSE, "orders")
    assert counters.open_connections == {WHOSE: 1}

    counters.connection_closed(*WHOSE, "orders")

    assert WHOSE not in counters.open_connections


def test_a_counter_is_evicted_unless_somebody_holds_it():
    counters = Counters()
    held = counters.flow(FLOW)

    assert not evict_unless_held(counters.traffic, FLOW)
    assert counters.flow(FLOW) is held
    del held
    assert evict_unless_held(counters.traffic, FLOW)
    assert counters.traffic == {}


def test_the_last_name_of_a_tenant_is_known():
    names, client = Counters().names, records.client(records.platform_connection("http://x"), tenant_slug="acme")

    names.learn(client)
    names.learn(records.client(records.platform_connection("http://x"), tenant_id=client.tenant_id, tenant_slug="new"))

    assert names.tenants == {client.tenant_id: "new"}


def test_a_quantile_is_the_bound_under_which_so_many_were_held():
    held = [90, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]

    assert [held_quantile_ms(held, quantile) for quantile in (0.5, 0.9, 0.99, 1)] == [1, 1, 10, float("inf")]


def test_a_quantile_of_no_messages_is_nothing():
    assert held_quantile_ms([0] * (LONGEST + 1), 0.99) == 0


@settings(deadline=None)  # a busy machine is slow
@given(st.lists(st.integers(0, 100_000 * NS_PER_MS), max_size=50), st.floats(0.01, 1))
def test_at_least_the_asked_part_was_held_for_no_longer_than_its_quantile(times_ns, quantile):
    counter = TrafficCounter()
    for held_ns in times_ns:
        counter.passed_after(held_ns)

    bound_ms = held_quantile_ms(counter.held, quantile)

    assert sum(counter.held) == counter.messages == len(times_ns)
    assert sum(held_ns <= bound_ms * NS_PER_MS for held_ns in times_ns) >= quantile * len(times_ns)
