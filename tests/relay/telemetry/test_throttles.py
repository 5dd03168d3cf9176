import pytest

from relay.telemetry.counters import NS_PER_MS, Counters, ThrottleKey, ThrottleTotals
from relay.telemetry.throttles import evict_at_rest, forget_labels, throttle_record
from relay.throttle.policy import SECOND_NS, ZoneSource
from tests.relay.counted import BILLING, WHOSE

KEY = ThrottleKey(*WHOSE, BILLING, ZoneSource("p1", 3, "client"))
NOON = 1_700_000_000.0
NOW_NS = 100 * SECOND_NS
LATER_NS = NOW_NS + 11 * SECOND_NS


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
    told(counters, 1)

    record = told(counters, 2)

    assert (record.began_at, record.last_at, record.waited) == (NOON + 2, NOON + 2, 0)


def test_the_end_of_a_wait_is_told_when_it_ends(counters):
    counters.throttle(KEY).hold(NOW_NS)
    told(counters, 1)
    counters.throttle(KEY).let_go(NOW_NS, NOW_NS + 20 * SECOND_NS)

    record = told(counters, 20)

    assert (record.waited, record.held_ms, record.longest_ms) == (0, 20_000, 20_000)
    assert told(counters, 21) is None


def test_parts_of_milliseconds_are_not_lost_between_records(counters):
    wait(counters, 0, 1000)
    held_ms = told(counters).held_ms
    for _ in range(10):
        counters.throttle(KEY).hold(NOW_NS)
        counters.throttle(KEY).let_go(NOW_NS, NOW_NS + 1_500_000)
        held_ms += told(counters).held_ms

    assert held_ms == 1015


def wait(counters, seconds, milliseconds):
    """One message waits, from so many seconds after noon."""
    arrived_ns = NOW_NS + int(seconds * SECOND_NS)
    counters.throttle(KEY).hold(arrived_ns)
    counters.throttle(KEY).let_go(arrived_ns, arrived_ns + milliseconds * NS_PER_MS)


def test_short_waits_are_counted_and_no_record_tells_of_them(counters):
    for minute in range(60):
        wait(counters, 60 * minute, 900)
        assert told(counters, 60 * minute + 1) is None

    assert counters.throttle(KEY).totals() == ThrottleTotals(60, 54_000 * NS_PER_MS, 0, 0)


def test_short_waits_in_a_row_are_told_from_the_first_once_they_make_a_second(counters):
    """At 100 messages a second, each message of a flood waits for ten milliseconds."""
    records = []
    for second in range(3):
        for message in range(60):
            wait(counters, second + message / 100, 10)
        records.append(told(counters, second + 1))

    assert records[0] is None
    assert (records[1].began_at, records[1].waited, records[1].held_ms, records[1].longest_ms) == (NOON, 120, 1200, 10)
    assert (records[2].began_at, records[2].waited) == (NOON + 2, 60)


def test_short_waits_before_a_pause_do_not_count_for_the_next_spell(counters):
    wait(counters, 0, 900)
    wait(counters, 60, 1100)

    record = told(counters, 62)

    assert (record.began_at, record.waited, record.held_ms) == (NOON + 60, 1, 1100)


def test_many_that_wait_at_once_make_no_spell_longer(counters):
    for _ in range(200):
        counters.throttle(KEY).hold(NOW_NS)
    for _ in range(200):
        counters.throttle(KEY).let_go(NOW_NS, NOW_NS + SECOND_NS // 10)

    assert told(counters, 1) is None


def test_a_spell_that_could_not_be_told_for_long_is_told_with_the_next(counters):
    """Redis was away meanwhile."""
    wait(counters, 0, 1500)
    wait(counters, 60, 10)

    record = told(counters, 61)

    assert (record.began_at, record.waited, record.held_ms) == (NOON, 2, 1510)


def test_what_was_evicted_goes_on_in_the_sum_of_its_zone(counters):
    for version in (1, 2):
        key = KEY._replace(source=ZoneSource("p1", version, "client"))
        counters.throttle(key).refuse(NOW_NS)
        evict_at_rest(counters, key, NOW_NS + 10 * SECOND_NS)
        assert key in counters.throttles  # its spell may go on
        evict_at_rest(counters, key, LATER_NS)

    assert (counters.throttles, counters.evicted_throttles) == ({}, {KEY.label: (ThrottleTotals(0, 0, 2, 0), LATER_NS)})


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
