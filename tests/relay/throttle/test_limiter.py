from collections import deque
from copy import deepcopy
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.throttle.limiter import Limiter
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Scope, ZonePolicy
from relay.throttle.verdict import PASS, Action, Verdict
from relay.throttle.zone import Zone
from tests.relay.throttle.lines import Lines, Sender, admitted_so_far, ask_again, bound_is_kept, flooded
from tests.relay.throttle.traffic import arrivals_ns, latenesses_ns, limited_traffic, message_zones, rejecting

MS = 1_000_000
CLIENT = ZonePolicy(name="client", permits=100, burst=20, delay=10)
CONNECTION = ZonePolicy(name="connection", scope=Scope.CONNECTION, permits=1)
BYTES = ZonePolicy(name="bytes", counted=Counted.BYTES, permits=1000, burst=2000, delay=2000)
CLOSING = ZonePolicy(name="client", permits=100, beyond=Beyond.CLOSE, close_after_waiting_seconds=1)


def test_a_burst_passes_up_to_delay_then_waits_its_turn_then_is_rejected():
    limiter = Limiter([Zone(rejecting(CLIENT))])

    verdicts = [limiter.admit(now_ns=0) for _ in range(22)]

    assert verdicts[:11] == [PASS] * 11
    assert verdicts[11:21] == [Verdict(Action.WAIT, n * 10 * MS, "client", reserved=True) for n in range(1, 11)]
    assert verdicts[21] == Verdict(Action.REJECT, wait_ns=10 * MS, zone="client")


def test_a_zone_that_waits_charges_nothing_for_a_message_that_it_holds_back():
    limiter = Limiter([Zone(CLIENT)])

    verdicts = [limiter.admit(now_ns=0) for _ in range(22)]

    assert verdicts[:11] == [PASS] * 11
    assert verdicts[11:] == [Verdict(Action.WAIT, wait_ns=10 * MS, zone="client")] * 11


def test_a_chain_without_zones_admits_everything():
    assert Limiter([]).admit(now_ns=0, size_bytes=1_000_000) is PASS


def test_with_no_burst_messages_pass_one_interval_apart():
    limiter = Limiter([Zone(CONNECTION)])

    verdicts = [limiter.admit(now_ns) for now_ns in (0, 999_999_999, SECOND_NS, 2 * SECOND_NS)]

    assert verdicts == [PASS, Verdict(Action.WAIT, 1, "connection"), PASS, PASS]


def test_what_was_rejected_may_come_again_after_the_time_it_was_told():
    limiter = Limiter([Zone(rejecting(CLIENT))])
    refused = [limiter.admit(now_ns=0) for _ in range(22)][-1]

    assert limiter.admit(refused.wait_ns - 1).action is Action.REJECT
    assert limiter.admit(refused.wait_ns).action is Action.WAIT


def test_nobody_overtakes_those_who_wait_in_line():
    zone = Zone(CLIENT)
    zone.close_gate()

    assert Limiter([zone]).admit(now_ns=0) == Verdict(Action.WAIT, wait_ns=0, zone="client")


def test_a_message_is_charged_in_all_zones_or_in_none():
    client, connection = Zone(CLIENT), Zone(CONNECTION)
    limiter = Limiter([client, connection])

    assert limiter.admit(now_ns=0) is PASS
    spent = client.theoretical_arrival_ns, connection.theoretical_arrival_ns
    assert limiter.admit(now_ns=0).action is Action.WAIT
    assert ask_again(limiter, 1).action is Action.WAIT

    assert (client.theoretical_arrival_ns, connection.theoretical_arrival_ns) == spent == (10 * MS, SECOND_NS)


def test_what_one_zone_rejects_is_charged_in_no_other():
    wide, narrow = Zone(rejecting(CLIENT)), Zone(rejecting(CONNECTION))
    limiter = Limiter([wide, narrow])

    verdicts = [limiter.admit(now_ns=0) for _ in range(5)]

    assert [verdict.action for verdict in verdicts] == [Action.PASS] + [Action.REJECT] * 4
    assert wide.theoretical_arrival_ns == 10 * MS


def test_a_reservation_is_charged_in_all_zones_at_once():
    held_by, beside = Zone(rejecting(CLIENT)), Zone(ZonePolicy(name="beside", permits=1_000, burst=50, delay=50))
    limiter = Limiter([held_by, beside])

    verdicts = [limiter.admit(now_ns=0) for _ in range(12)]

    assert verdicts[-1] == Verdict(Action.WAIT, 10 * MS, "client", reserved=True)
    assert (held_by.theoretical_arrival_ns, beside.theoretical_arrival_ns) == (120 * MS, 12 * MS)


@pytest.mark.parametrize("policies", [(CLIENT, CONNECTION), (CONNECTION, CLIENT)])
def test_the_strictest_zone_decides_and_its_line_is_where_to_wait_wherever_it_stands(policies):
    limiter = Limiter(Zone(policy) for policy in policies)
    for zone in limiter.zones:
        zone.charge(2 * SECOND_NS, 0)

    assert limiter.admit(now_ns=0) == Verdict(Action.WAIT, 2 * SECOND_NS, "connection")
    assert limiter.deciding_zone.policy is CONNECTION
    assert ask_again(limiter, now_ns=MS) == Verdict(Action.WAIT, 2 * SECOND_NS - MS, "connection")
    assert limiter.deciding_zone.policy is CONNECTION


def test_a_message_beyond_the_burst_in_bytes_passes_at_rest_and_is_paid_off_afterwards():
    limiter = Limiter([Zone(BYTES)])

    assert limiter.admit(now_ns=0, size_bytes=10_000) is PASS

    assert limiter.admit(now_ns=0, size_bytes=1) == Verdict(Action.WAIT, 8 * SECOND_NS, "bytes")
    assert limiter.admit_waiting(8 * SECOND_NS, 1, 0, 0) is PASS


def test_a_late_wake_up_is_made_up_for_from_the_burst_beyond_delay():
    limiter = flooded(Limiter([Zone(CLIENT)]), messages=12)

    assert ask_again(limiter, now_ns=150 * MS) is PASS  # 140 ms late; delay absorbs 100 of them

    assert limiter.zones[0].theoretical_arrival_ns == 120 * MS  # as if asked in time


def test_no_more_than_the_burst_beyond_delay_is_made_up_for():
    limiter = flooded(Limiter([Zone(CLIENT)]), messages=12)

    assert ask_again(limiter, now_ns=SECOND_NS) is PASS

    assert limiter.zones[0].theoretical_arrival_ns == SECOND_NS - 100 * MS + 10 * MS


def test_nothing_is_made_up_for_from_before_the_message_came():
    limiter = Limiter([Zone(CLIENT)])

    assert ask_again(limiter, now_ns=SECOND_NS, arrived_ns=SECOND_NS - 30 * MS) is PASS

    assert limiter.zones[0].theoretical_arrival_ns == SECOND_NS - 20 * MS


def test_a_connection_is_closed_when_it_has_waited_for_as_long_as_its_zone_allows():
    limiter = flooded(Limiter([Zone(CLOSING)]), messages=2)

    assert ask_again(limiter, SECOND_NS - 1, SECOND_NS - 1) is PASS
    assert limiter.admit(SECOND_NS).action is Action.WAIT
    assert ask_again(limiter, SECOND_NS, SECOND_NS) == Verdict(Action.CLOSE, 10 * MS - 1, "client")


def test_a_flood_that_is_alone_is_closed_on_although_there_is_room_whenever_it_is_asked():
    flood = Sender(Limiter([Zone(CLOSING)]), deque([1] * 200))

    departures = Lines().run([flood])

    assert flood.is_closed
    assert len(departures) == 100  # one at once and 99 that waited, within the second


def test_a_connection_that_pauses_is_not_closed_on():
    sender = Sender(Limiter([Zone(CLOSING)]), deque(n * 20 * MS + half for n in range(200) for half in (1, 2)))

    assert len(Lines().run([sender])) == 400


def test_a_zone_closes_nobody_whom_another_zone_holds_back():
    limiter = flooded(Limiter([Zone(CONNECTION), Zone(CLOSING)]), messages=2)

    assert ask_again(limiter, now_ns=10 * SECOND_NS) is PASS


@given(limited_traffic())
def test_what_is_admitted_at_once_never_exceeds_the_rate_plus_delay_in_any_stretch_of_time(traffic):
    policy, arrivals = traffic
    limiter = Limiter([Zone(policy)])

    passed = [now_ns for now_ns in arrivals if limiter.admit(now_ns) is PASS]

    assert bound_is_kept(policy, passed, ahead=policy.delay)


@given(st.data(), message_zones())
def test_any_stretch_of_time_carries_at_most_the_rate_plus_burst_over_connections_that_share_a_zone(data, policy):
    shared, senders = Zone(policy), []
    for _ in range(data.draw(st.integers(1, 5))):
        own = Zone(data.draw(message_zones(name="connection")))
        senders.append(Sender(Limiter([own, shared]), deque(data.draw(arrivals_ns(policy, at_most=15)))))

    departures = Lines(data.draw(latenesses_ns(policy))).run(senders)

    assert bound_is_kept(policy, [departure.at_ns for departure in departures], ahead=policy.burst)
    for sender in senders:
        own_policy = sender.limiter.zones[0].policy
        sent = [departure.at_ns for departure in departures if departure.sender is sender]
        assert bound_is_kept(own_policy, sent, ahead=own_policy.burst)


@given(st.data(), limited_traffic())
def test_a_message_is_never_lost_in_a_line(data, traffic):
    policy, arrivals = traffic
    zone = Zone(policy)
    senders = [Sender(Limiter([zone]), deque(arrivals[first::3])) for first in range(3)]

    departures = Lines(data.draw(latenesses_ns(policy))).run(senders)

    assert len(departures) == len(arrivals)
    assert zone.gate_ns == zone.delay_ns


@given(st.data(), limited_traffic())
def test_who_came_first_goes_first(data, traffic):
    policy, arrivals = traffic
    zone = Zone(policy)
    senders = [Sender(Limiter([zone]), deque([arrival_ns])) for arrival_ns in arrivals]

    departures = Lines(data.draw(latenesses_ns(policy))).run(senders)

    assert [departure.sender for departure in departures] == senders


@given(limited_traffic())
def test_a_connection_alone_uses_no_more_of_a_burst_than_delay(traffic):
    policy, arrivals = traffic
    sender = Sender(Limiter([Zone(policy)]), deque(arrivals))

    departures = Lines().run([sender])

    assert bound_is_kept(policy, [departure.at_ns for departure in departures], ahead=policy.delay)


@given(limited_traffic())
def test_waiting_for_the_time_told_is_enough_and_a_nanosecond_less_is_not(traffic):
    policy, arrivals = traffic
    limiter, now_ns = Limiter([Zone(policy)]), 0
    for arrival_ns in arrivals:
        now_ns = max(now_ns, arrival_ns)
        verdict = limiter.admit(now_ns)
        if verdict is not PASS:
            arrived_ns, now_ns = now_ns, now_ns + verdict.wait_ns
            assert ask_again(limiter, now_ns - 1, arrived_ns) == Verdict(Action.WAIT, 1, "client")
            assert ask_again(limiter, now_ns, arrived_ns) is PASS


@given(limited_traffic(), st.integers(1, 5), st.integers(0, 5))
def test_a_higher_rate_or_burst_never_admits_less(traffic, times_faster, more_burst):
    narrow, arrivals = rejecting(traffic[0]), traffic[1]
    wide = replace(narrow, permits=narrow.permits * times_faster, burst=narrow.burst + more_burst)

    few, many = (admitted_so_far(Limiter([Zone(policy)]), arrivals) for policy in (narrow, wide))

    assert all(fewer <= more for fewer, more in zip(few, many, strict=True))


@given(limited_traffic())
def test_reservations_leave_in_order_at_the_rate_plus_delay(traffic):
    policy, arrivals = traffic
    limiter = Limiter([Zone(rejecting(policy))])

    verdicts = [(now_ns, limiter.admit(now_ns)) for now_ns in arrivals]
    departures = [now_ns + verdict.wait_ns for now_ns, verdict in verdicts if verdict.action <= Action.WAIT]

    assert departures == sorted(departures)
    assert bound_is_kept(policy, departures, ahead=policy.delay)


@given(st.data(), st.lists(message_zones(), max_size=3))
def test_several_at_once_pass_where_each_would_and_cost_the_same(data, policies):
    zones, now_ns = [Zone(policy) for policy in policies], 0
    for gap_ns in data.draw(arrivals_ns(policies[0] if policies else CLIENT)):
        now_ns, messages, one_by_one = now_ns + gap_ns, data.draw(st.integers(1, 4)), deepcopy(zones)
        each_passes = all(Limiter(one_by_one).admit(now_ns) is PASS for _ in range(messages))
        expected = [zone.theoretical_arrival_ns for zone in (one_by_one if each_passes else zones)]
        has_room = Limiter(zones).room(now_ns, 10) >= messages
        assert (has_room, Limiter(zones).admit_run(now_ns, messages)) == (each_passes, each_passes)
        assert [zone.theoretical_arrival_ns for zone in zones] == expected


def test_zones_of_bytes_have_each_message_judged_by_itself():
    assert (Limiter([Zone(BYTES)]).room(0, 2), Limiter([Zone(BYTES)]).admit_run(0, 2)) == (0, False)


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 5000)), max_size=40))
def test_any_stretch_of_time_carries_at_most_the_rate_plus_burst_in_bytes_before_its_last_message(gaps_and_sizes):
    limiter, now_ns, passed = Limiter([Zone(BYTES)]), 0, []
    for gap_ms, size in gaps_and_sizes:
        now_ns += gap_ms * MS
        if limiter.admit(now_ns, size) is PASS:
            passed.append((now_ns, size))

    for first, (begin_ns, _) in enumerate(passed):
        sent = list(accumulate((size for _, size in passed[first:]), initial=0))
        for (end_ns, _), before_last in zip(passed[first:], sent, strict=False):
            assert (before_last - BYTES.burst) * BYTES.period_ns <= (end_ns - begin_ns) * BYTES.permits
