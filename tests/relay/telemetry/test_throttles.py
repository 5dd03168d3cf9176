import pytest

from relay.telemetry.counters import Counters, ThrottleKey, ThrottleTotals
from relay.telemetry.throttles import evict_at_rest, forget_labels, throttle_record
from relay.throttle.policy import SECOND_NS, ZoneSource
from tests.relay.counted import BILLING, WHOSE

KEY = ThrottleKey(*WHOSE, BILLING, ZoneSource("p1", 3, "client"))
NOON = 1_700_000_000.0
NOW_NS = 100 * SECOND_NS


@pytest.fixture
def counters():
    return Counters()


def told(counters, seconds=0):
    """What a record that is made so many seconds after noon tells of the one zone."""
    return throttle_record(KEY, counters.throttle(KEY), NOW_NS + seconds * SECOND_NS, NOON + seconds)


def test_a_zone_that_did_nothing_is_not_told_of(counters):
    assert told(counters) is None


def test_what_a_zone_did_is_told_with_its_time_by_the_records_clock(counters):
    counters.throttle(KEY).hold(NOW_NS - 3 * SECOND_NS)
    counters.throttle(KEY).let_go(NOW_NS - 3 * SECOND_NS, NOW_NS - SECOND_NS)
    counters.throttle(KEY).refuse(NOW_NS - SECOND_NS // 2)

    record = told(counters)

    assert (record.tenant_id, record.policy_id, record.version, record.zone) == (WHOSE[0], "p1", 3, "client")
    assert (record.began_at, record.last_at) == (NOON - 3, NOON - 0.5)
    assert (record.waited, record.held_ms, record.refused, record.closed) == (1, 2000, 1, 0)


def test_the_next_record_tells_what_came_since(counters):
    counters.throttle(KEY).refuse(NOW_NS)
    told(counters)
    counters.throttle(KEY).close(NOW_NS + SECOND_NS)

    record = told(counters, 1)

    assert (record.began_at, record.refused, record.closed) == (NOON + 1, 0, 1)


def test_what_was_told_is_not_told_again(counters):
    counters.throttle(KEY).refuse(NOW_NS)
    told(counters)

    assert told(counters, 1) is None


def test_a_zone_is_told_of_as_long_as_somebody_waits_for_it(counters):
    counters.throttle(KEY).hold(NOW_NS)
    told(counters)

    record = told(counters, 1)

    assert (record.began_at, record.last_at, record.waited) == (NOON + 1, NOON + 1, 0)


def test_the_end_of_a_wait_is_told_when_it_ends(counters):
    counters.throttle(KEY).hold(NOW_NS)
    told(counters)
    counters.throttle(KEY).let_go(NOW_NS, NOW_NS + 20 * SECOND_NS)

    record = told(counters, 20)

    assert (record.waited, record.held_ms) == (0, 20_000)
    assert told(counters, 21) is None


def test_parts_of_milliseconds_are_not_lost_between_records(counters):
    held_ms = 0
    for _ in range(10):
        counters.throttle(KEY).hold(NOW_NS)
        counters.throttle(KEY).let_go(NOW_NS, NOW_NS + 1_500_000)
        held_ms += told(counters).held_ms

    assert held_ms == 15


def test_what_was_evicted_goes_on_in_the_sum_of_its_zone(counters):
    for version in (1, 2):
        key = KEY._replace(source=ZoneSource("p1", version, "client"))
        counters.throttle(key).refuse(NOW_NS)
        evict_at_rest(counters, key, NOW_NS)

    assert (counters.throttles, counters.evicted_throttles) == ({}, {KEY.label: (ThrottleTotals(0, 0, 2, 0), NOW_NS)})


def test_a_counter_that_somebody_holds_is_not_evicted(counters):
    counter = counters.throttle(KEY)

    evict_at_rest(counters, KEY, NOW_NS)

    assert (counters.throttle(KEY) is counter, counters.evicted_throttles) == (True, {})


def test_the_sum_of_a_zone_is_forgotten_once_it_has_counters_no_more(counters):
    counters.throttle(KEY)
    evict_at_rest(counters, KEY, NOW_NS)
    forget_labels(counters, NOW_NS - 1)
    counters.throttle(KEY)
    forget_labels(counters, NOW_NS)
    assert list(counters.evicted_throttles) == [KEY.label]

    del counters.throttles[KEY]
    forget_labels(counters, NOW_NS)

    assert counters.evicted_throttles == {}
