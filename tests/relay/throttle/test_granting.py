from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.throttle.fairness import Priority
from relay.throttle.granting import HORIZON_US, SECOND_US, Ask, Party, SharedBucket, Terms
from relay.throttle.policy import SECOND_NS, Counted, Scope, ZonePolicy

TENANT = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=400, burst=40, delay=20)
TERMS = Terms.of(TENANT)
GREEDY, MODEST = (Party(name, Priority.NORMAL, 1) for name in ("greedy", "modest"))
steps = st.lists(
    st.tuples(
        st.integers(0, 100_000),  # time that passes
        st.integers(1, 60),  # wanted
        st.integers(0, 200_000),  # how long the first has waited
        st.sampled_from([None, GREEDY, MODEST, Party("low", Priority.LOW, 3)]),
    ),
    min_size=1,
    max_size=60,
)
policies = st.builds(
    lambda permits, seconds, burst, delay: ZonePolicy(
        name="zone",
        scope=Scope.TENANT,
        permits=permits,
        period_ns=seconds * SECOND_NS,
        burst=burst,
        delay=delay % (burst + 1),
    ),
    st.integers(1, 5_000),
    st.sampled_from([1, 7, 60, 86_400]),
    st.integers(0, 300),
    st.integers(0, 300),
)


def test_at_rest_a_burst_and_one_more_are_granted_as_far_as_they_pass_at_once_or_within_the_horizon():
    grant = SharedBucket().grant(0, TERMS, Ask(1, 1_000))

    assert grant.permits == 20 + HORIZON_US // 2_500 + 1
    assert grant.opens_in_us == -20 * 2_500
    assert grant.is_contended


def test_what_is_not_there_may_be_asked_for_again_after_the_time_that_is_told():
    bucket = SharedBucket()
    bucket.grant(0, TERMS, Ask(1, 1_000))

    retry_us = bucket.grant(0, TERMS, Ask(1, 1)).retry_in_us

    assert bucket.grant(retry_us - 1, TERMS, Ask(1, 1)).permits == 0
    assert bucket.grant(retry_us, TERMS, Ask(1, 1)).permits == 1


def test_a_refused_ask_charges_nothing():
    bucket = SharedBucket()
    bucket.grant(0, TERMS, Ask(1, 1_000))
    before_us = bucket.theoretical_arrival_us

    bucket.grant(0, TERMS, Ask(1, 5))

    assert bucket.theoretical_arrival_us == before_us


def test_a_message_larger_than_the_burst_is_granted_whole_when_there_is_room_for_a_byte():
    terms = Terms.of(
        ZonePolicy(name="b", scope=Scope.TENANT, counted=Counted.BYTES, permits=1000, burst=100, delay=100)
    )
    bucket = SharedBucket()

    assert bucket.grant(0, terms, Ask(5_000, 5_000)).permits == 5_000
    assert bucket.grant(0, terms, Ask(1, 1)).retry_in_us == 5_000_000 - 100_000 - HORIZON_US


def test_while_somebody_waits_what_nobody_took_in_time_is_made_up_for_from_the_rest_of_the_burst():
    bucket = SharedBucket()
    bucket.grant(0, TERMS, Ask(1, 1_000))
    later_us = bucket.theoretical_arrival_us + 40_000

    waited = bucket.grant(later_us, TERMS, Ask(1, 1_000, waited_us=30_000)).permits

    assert waited == (30_000 + 50_000 + HORIZON_US) // 2_500 + 1


def test_a_strict_zone_takes_what_leases_may_add_off_its_burst():
    strict = ZonePolicy(name="t", scope=Scope.TENANT, permits=100, burst=30, delay=30, strict=True)

    assert Terms.of(strict).delay_us == 20 * 10_000


def test_another_version_keeps_what_was_spent_up_to_its_burst():
    hourly = Terms.of(ZonePolicy(name="t", scope=Scope.TENANT, permits=1, period_ns=3600 * SECOND_NS))
    bucket = SharedBucket()
    bucket.grant(0, hourly, Ask(1, 1))

    grant = bucket.grant(0, TERMS, Ask(1, 1))

    assert (grant.permits, grant.retry_in_us) == (0, 102_500 - 50_000 - HORIZON_US)


def test_who_is_alone_may_use_the_whole_burst():
    assert SharedBucket().grant(0, TERMS, Ask(1, 21, party=GREEDY)).permits == 21


def flood_beside(rate, seconds=10, workers=1):
    """What a flooder gets beside one that takes ``rate`` permits a second, and the longest that one waited."""
    bucket, got, waited_us = SharedBucket(), {GREEDY: 0, MODEST: 0}, 0
    due_us = 0.0
    for now_us in range(0, seconds * SECOND_US, 5_000):
        got[GREEDY] += bucket.grant(now_us, TERMS, Ask(1, 50, 5_000, GREEDY)).permits
        if now_us >= due_us:
            permits = bucket.grant(now_us, TERMS, Ask(1, 1, 0, MODEST)).permits
            got[MODEST] += permits
            waited_us = max(waited_us, now_us - due_us)
            due_us += SECOND_US / rate if permits else 0
    return got, waited_us


@pytest.mark.parametrize("rate", [20, 50, 100, 180])
def test_who_wants_less_than_its_share_is_hardly_ever_held_back_by_a_flood(rate):
    got, waited_us = flood_beside(rate)

    assert got[MODEST] == pytest.approx(10 * rate, rel=0.01)
    assert sum(got.values()) == pytest.approx(4_000, rel=0.02)
    assert waited_us <= 300_000  # until the shares are worked out for the first time


@given(policies, steps)
def test_in_any_stretch_of_time_no_more_is_granted_than_rate_and_burst_give(policy, history):
    terms, bucket, now_us, opened = Terms.of(policy), SharedBucket(), 0, []
    for passes_us, wanted, waited_us, party in history:
        now_us += passes_us
        grant = bucket.grant(now_us, terms, Ask(1, wanted, waited_us, party))
        interval_us = terms.period_us / terms.permits
        opened += [max(now_us, now_us + grant.opens_in_us + number * interval_us) for number in range(grant.permits)]

    ahead = [number - moment_us * terms.permits / terms.period_us for number, moment_us in enumerate(opened)]
    least = float("inf")
    for number in ahead:
        least = min(least, number)
        assert number - least + 1 <= policy.burst + 1 + 1e-6 * len(opened) + 1e-3


@given(policies, steps)
def test_the_time_that_is_told_is_enough_and_not_too_long(policy, history):
    terms, bucket, now_us = Terms.of(policy), SharedBucket(), 0
    for passes_us, wanted, _, _ in history:
        now_us += passes_us
        grant = bucket.grant(now_us, terms, Ask(1, wanted))
        if not grant.permits:
            assert grant.retry_in_us >= 1
            now_us += grant.retry_in_us - 1
            assert grant.retry_in_us == 1 or bucket.grant(now_us, terms, Ask(1, 1)).permits == 0
            now_us += 1
            assert bucket.grant(now_us, terms, Ask(1, 1)).permits == 1


@given(
    st.sampled_from([1, 5, 100, 400, 1000]),  # so that no time is rounded
    st.integers(0, 60),
    st.sampled_from([1, 2, 5]),
    st.integers(0, 60),
    steps,
)
def test_a_higher_rate_or_burst_never_grants_less(permits, burst, times_faster, more_burst, history):
    less = ZonePolicy(name="zone", scope=Scope.TENANT, permits=permits, burst=burst, delay=burst // 2)
    more = replace(less, permits=permits * times_faster, burst=burst + more_burst, delay=burst // 2 + more_burst)
    buckets, granted, now_us = [(SharedBucket(), Terms.of(policy)) for policy in (less, more)], [0, 0], 0
    for passes_us, wanted, waited_us, _ in history:
        now_us += passes_us
        for number, (bucket, terms) in enumerate(buckets):
            granted[number] += bucket.grant(now_us, terms, Ask(1, wanted, waited_us)).permits
        assert granted[0] <= granted[1]
