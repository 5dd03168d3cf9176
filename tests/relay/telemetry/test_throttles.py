import pytest

from relay.telemetry.counters import Counters, ThrottleKey
from relay.telemetry.throttles import ThrottleDifferences
from relay.throttle.policy import SECOND_NS, ZoneSource

KEY = ThrottleKey("acme", "crm-sync", "billing", ZoneSource("p1", 3, "client"))
NOON = 1_700_000_000.0
NOW_NS = 100 * SECOND_NS


@pytest.fixture
def counters():
    return Counters()


@pytest.fixture
def differences():
    return ThrottleDifferences()


def test_a_zone_that_did_nothing_is_not_told_of(counters, differences):
    counters.throttle(KEY)

    assert differences.take(counters, NOW_NS, NOON) == []


def test_what_a_zone_did_is_told_with_its_time_by_the_records_clock(counters, differences):
    counters.throttle(KEY).hold(NOW_NS - 3 * SECOND_NS)
    counters.throttle(KEY).let_go(NOW_NS - 3 * SECOND_NS, NOW_NS - SECOND_NS)
    counters.throttle(KEY).refuse(NOW_NS - SECOND_NS // 2)

    [record] = differences.take(counters, NOW_NS, NOON)

    assert (record.tenant, record.policy_id, record.version, record.zone) == ("acme", "p1", 3, "client")
    assert (record.began_at, record.last_at) == (NOON - 3, NOON - 0.5)
    assert (record.waited, record.held_ms, record.refused, record.closed) == (1, 2000, 1, 0)


def test_the_next_record_tells_what_came_since(counters, differences):
    counters.throttle(KEY).refuse(NOW_NS)
    differences.take(counters, NOW_NS, NOON)
    counters.throttle(KEY).close(NOW_NS + SECOND_NS)

    [record] = differences.take(counters, NOW_NS + SECOND_NS, NOON + 1)

    assert (record.began_at, record.refused, record.closed) == (NOON + 1, 0, 1)


def test_what_was_told_is_not_told_again(counters, differences):
    counters.throttle(KEY).refuse(NOW_NS)
    differences.take(counters, NOW_NS, NOON)

    assert differences.take(counters, NOW_NS + SECOND_NS, NOON + 1) == []


def test_a_zone_is_told_of_as_long_as_somebody_waits_for_it(counters, differences):
    counters.throttle(KEY).hold(NOW_NS)
    differences.take(counters, NOW_NS, NOON)

    [record] = differences.take(counters, NOW_NS + SECOND_NS, NOON + 1)

    assert (record.began_at, record.last_at, record.waited) == (NOON + 1, NOON + 1, 0)


def test_the_end_of_a_wait_is_told_when_it_ends(counters, differences):
    counters.throttle(KEY).hold(NOW_NS)
    differences.take(counters, NOW_NS, NOON)
    counters.throttle(KEY).let_go(NOW_NS, NOW_NS + 20 * SECOND_NS)

    [record] = differences.take(counters, NOW_NS + 20 * SECOND_NS, NOON + 20)

    assert (record.waited, record.held_ms) == (0, 20_000)
    assert differences.take(counters, NOW_NS + 21 * SECOND_NS, NOON + 21) == []
