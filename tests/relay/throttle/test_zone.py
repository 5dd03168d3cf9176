from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from relay.throttle.policy import SECOND_NS, Counted, ZonePolicy
from relay.throttle.zone import Zone
from tests.relay.throttle.traffic import message_zones

MS = 1_000_000
CLIENT = ZonePolicy(name="client", permits=100, burst=20, delay=10)
BYTES = ZonePolicy(name="bytes", counted=Counted.BYTES, permits=3, burst=30, delay=15)


def test_a_zone_begins_at_rest():
    zone = Zone(CLIENT)

    assert zone.excess_ns(now_ns=0) == 0
    assert zone.has_room(now_ns=0)


def test_a_charge_at_rest_counts_from_the_moment_it_is_made():
    zone = Zone(CLIENT)

    zone.charge(zone.cost_ns(1), 5 * SECOND_NS)

    assert zone.excess_ns(5 * SECOND_NS) == 10 * MS


def test_charges_add_up_and_melt_away_with_time():
    zone = Zone(CLIENT)
    for _ in range(3):
        zone.charge(zone.cost_ns(1), 0)

    assert [zone.excess_ns(now_ns * MS) for now_ns in (0, 10, 30, 31)] == [30 * MS, 20 * MS, 0, 0]


def test_a_zone_has_room_up_to_delay_and_says_when_it_will_have():
    zone = Zone(CLIENT)
    zone.charge(11 * zone.interval_ns, 0)

    assert zone.opens_at_ns() == 10 * MS
    assert not zone.has_room(10 * MS - 1)
    assert zone.has_room(10 * MS)


def test_a_message_takes_the_time_of_one_permit_whatever_its_size():
    zone = Zone(CLIENT)

    assert zone.cost_ns(0) == zone.cost_ns(1_000_000) == 10 * MS


def test_the_time_of_a_permit_is_rounded_up_so_that_the_rate_is_never_exceeded():
    thirds, finest = Zone(replace(CLIENT, permits=3)), Zone(replace(CLIENT, permits=1_000_000_000_000))

    assert thirds.interval_ns == 333_333_334
    assert finest.interval_ns == 1


def test_bytes_are_rounded_up_once_a_message_and_not_once_a_byte():
    zone = Zone(BYTES)

    assert [zone.cost_ns(size) for size in (0, 1, 2, 3, 3_000)] == [
        0,
        333_333_334,
        666_666_667,
        SECOND_NS,
        1000 * SECOND_NS,
    ]


def test_burst_and_delay_of_bytes_are_counts_of_bytes():
    zone = Zone(BYTES)

    assert (zone.burst_ns, zone.delay_ns) == (10 * SECOND_NS, 5 * SECOND_NS)


def test_a_closed_gate_opens_at_delay_again():
    zone = Zone(CLIENT)

    zone.close_gate()
    assert zone.gate_ns < -(10**18)
    zone.open_gate()

    assert zone.gate_ns == zone.delay_ns


def test_another_version_of_the_policy_keeps_what_was_spent():
    zone = Zone(CLIENT)
    zone.charge(50 * MS, 0)

    zone.adopt(replace(CLIENT, permits=10), now_ns=0)

    assert zone.excess_ns(0) == 50 * MS
    assert zone.cost_ns(1) == 100 * MS


def test_another_version_of_the_policy_forgives_what_is_beyond_its_burst():
    zone = Zone(replace(CLIENT, permits=1))
    zone.charge(20 * SECOND_NS, 0)

    zone.adopt(CLIENT, now_ns=0)

    assert zone.excess_ns(0) == 210 * MS


def test_the_gate_stays_closed_over_another_version_while_somebody_waits():
    zone = Zone(CLIENT)
    zone.close_gate()

    zone.adopt(replace(CLIENT, delay=20), now_ns=0)

    closed_ns = zone.gate_ns
    zone.open_gate()
    assert closed_ns < zone.gate_ns == 200 * MS


def test_the_gate_follows_another_version_while_nobody_waits():
    zone = Zone(CLIENT)

    zone.adopt(replace(CLIENT, delay=20), now_ns=0)

    assert zone.gate_ns == 200 * MS


@given(message_zones(), message_zones(), st.integers(0, 10**15), st.integers(0, 10**15))
def test_another_version_never_makes_a_message_wait_longer_than_its_own_burst_can(before, after, spent_ns, now_ns):
    zone = Zone(before)
    zone.charge(spent_ns, now_ns)

    zone.adopt(after, now_ns)

    assert zone.excess_ns(now_ns) == min(spent_ns, (after.burst + 1) * zone.interval_ns)
