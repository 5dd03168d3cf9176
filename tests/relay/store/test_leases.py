import random
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.sharing.tenant_leases import TOLD_NS
from relay.store import keys
from relay.store.leases import LeaseRequest, take_leases
from relay.store.pool import StoreUnavailable, blocking
from relay.throttle.granting import HORIZON_US, LAGGING_US, Ask, Debit, Terms
from relay.throttle.policy import SECOND_NS, ZonePolicy
from tests.relay.store.held_clock import SECOND_US
from tests.relay.store.histories import DAY_SECONDS, KEY, PARTIES, TERMS, agrees, busy_history, gaps_us, histories

HOUR = 3600.0
PLENTY, FEWER, SLOW, DAILY = TERMS[0], TERMS[2], TERMS[3], TERMS[5]
ONE_EACH = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
THOUSANDS = settings(ONE_EACH, max_examples=2000)


def asked(call, tenant_id, *asks, terms=PLENTY, worker="1", generation=""):
    """What the zone answers to each, all in one call."""
    return call(take_leases, tenant_id, worker, generation, [LeaseRequest(KEY, terms, ask) for ask in asks])


def granted(call, tenant_id, wanted, **how):
    """How many permits the zone gives of so many that are wanted."""
    return asked(call, tenant_id, Ask(1, wanted), **how).answers[0].grant.permits


def burst_of(terms):
    """What is granted at once at rest: the burst at once, the first, and what the horizon holds."""
    return terms.fits(terms.delay_us + HORIZON_US)


def burst_is_gone(call, tenant_id, terms=PLENTY):
    """Take all that a zone gives at once; answers the generation."""
    assert granted(call, tenant_id, 10_000, terms=terms) == burst_of(terms)
    return asked(call, tenant_id, Ask(1, 1), terms=terms).generation


def lose(clock):
    """Have Redis forget everything, as a restart does; that takes a moment."""
    blocking().flushdb()
    clock.go(0.001)


@ONE_EACH
@given(history=histories())
def test_the_script_grants_what_the_model_grants(call, clock, history):
    call(agrees, clock, history)


@settings(ONE_EACH, max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_the_script_grants_what_the_model_grants_while_many_want_more(call, clock, seed):
    call(agrees, clock, busy_history(random.Random(seed)))


@pytest.mark.conformance
@pytest.mark.timeout(1200)
@THOUSANDS
@given(seed=st.integers(0, 2**32))
def test_the_script_grants_what_the_model_grants_thousands_of_times(call, clock, seed):
    call(agrees, clock, busy_history(random.Random(seed)))


@ONE_EACH
@given(
    terms=st.sampled_from([PLENTY, FEWER, SLOW]),
    steps=st.lists(
        st.tuples(gaps_us, st.integers(1, 60), st.one_of(st.just(0), st.integers(0, 500)), gaps_us, st.integers(1, 3)),
        max_size=20,
    ),
)
def test_the_script_takes_off_what_the_model_takes_off(call, clock, terms, steps):
    history = [
        (gap, terms, Ask(1, wanted), Debit(permits, ago, debt))
        for gap, wanted, permits, ago, debt in [(0, 1, 0, 0, 0), *steps]
    ]

    call(agrees, clock, history)


def test_several_zones_are_asked_at_once_and_answer_in_order(call, clock):
    others = [KEY._replace(scope_id=str(number)) for number in range(3)]
    requests = [LeaseRequest(key, PLENTY, Ask(1, wanted)) for key, wanted in zip(others, (3, 1, 2), strict=True)]

    answers = call(take_leases, "acme", "1", "", requests).answers

    assert [answer.grant.permits for answer in answers] == [3, 1, 2]


def test_one_zone_that_is_asked_for_several_parties_at_once_counts_each(call, clock):
    both = asked(call, "acme", Ask(1, 30, 0, PARTIES[0]), Ask(1, 10_000, 0, PARTIES[1])).answers

    assert sum(answer.grant.permits for answer in both) <= burst_of(PLENTY)


def test_s1_a_zone_of_one_tenant_takes_nothing_from_the_same_of_another(call, clock):
    burst_is_gone(call, "acme")

    assert granted(call, "umbrella", 10_000) == burst_of(PLENTY)


def test_nothing_asked_for_answers_the_generation_alone(call, clock):
    answers = call(take_leases, "acme", "1", "", [])

    assert answers.generation == str(clock.now_us)
    assert answers.answers == []


def test_f15_a_clock_that_steps_back_gives_nothing_and_holds_up_nothing(call, clock):
    burst_is_gone(call, "acme")

    clock.go(-HOUR)
    assert granted(call, "acme", 10_000) == 0
    clock.go(0.1)
    assert granted(call, "acme", 10_000) == pytest.approx(40, abs=1)


def test_f15_a_clock_that_steps_forward_gives_one_burst_at_the_most(call, clock):
    burst_is_gone(call, "acme")

    clock.go(HOUR)

    burst_is_gone(call, "acme")


def test_f15_a_clock_that_steps_forward_and_back_gives_no_second_burst(call, clock):
    burst_is_gone(call, "acme")
    clock.go(HOUR)
    burst_is_gone(call, "acme")

    clock.go(-HOUR)
    assert granted(call, "acme", 10_000) == 0
    clock.go(0.1)
    assert granted(call, "acme", 10_000) == pytest.approx(40, abs=1)


@ONE_EACH
@given(steps=st.lists(st.floats(-HOUR, HOUR), max_size=12))
def test_f15_however_the_clock_steps_each_step_forward_gives_one_burst_at_the_most(call, clock, steps):
    tenant_id = str(uuid4())
    total = granted(call, tenant_id, 10_000)
    for seconds in steps:
        clock.go(seconds)
        total += granted(call, tenant_id, 10_000)

    assert total <= (1 + sum(seconds > 0 for seconds in steps)) * burst_of(PLENTY)


def test_f10_after_a_loss_of_data_a_zone_counts_as_used_up(call, clock):
    generation = burst_is_gone(call, "acme")
    lose(clock)

    assert granted(call, "acme", 10_000, generation=generation) <= PLENTY.fits(HORIZON_US)


def test_f10_after_a_loss_of_data_the_rate_goes_on_at_once(call, clock):
    generation = burst_is_gone(call, "acme")
    lose(clock)
    granted(call, "acme", 10_000, generation=generation)

    clock.go(0.1)

    assert granted(call, "acme", 10_000, generation=generation) == pytest.approx(40, abs=1)


def test_f10_after_a_loss_of_data_one_fresh_burst_at_the_most_is_granted(call, clock):
    generation = burst_is_gone(call, "acme")
    lose(clock)

    newcomer = granted(call, "acme", 10_000, worker="2")
    others = [granted(call, "acme", 10_000, generation=generation, worker=worker) for worker in "134"]

    assert newcomer + sum(others) <= burst_of(PLENTY)


def test_f10_another_generation_tells_of_the_loss(call, clock):
    generation = burst_is_gone(call, "acme")
    assert asked(call, "acme", Ask(1, 1), generation=generation).generation == generation

    lose(clock)

    assert asked(call, "acme", Ask(1, 1), generation=generation).generation != generation


def test_f10_a_slow_zone_is_not_full_again_after_a_loss_of_data(call, clock):
    generation = burst_is_gone(call, "acme", DAILY)
    lose(clock)
    asked(call, "acme", generation=generation)

    clock.go(HOUR)

    assert granted(call, "acme", 1, terms=DAILY, generation=generation) == 0


def test_f16_a_script_that_redis_forgot_runs_all_the_same(call):
    for _ in range(3):
        blocking().script_flush()
        assert granted(call, "acme", 2) == 2


def test_a_new_version_keeps_what_was_spent_up_to_its_burst(call, clock):
    burst_is_gone(call, "acme")

    [answer] = asked(call, "acme", Ask(1, 1), terms=FEWER).answers

    assert answer.grant.permits == 1
    assert 0 < answer.grant.opens_in_us <= FEWER.cost_us(1)


def test_workers_that_ask_in_turns_under_the_new_and_the_former_version_get_one_burst(call, clock):
    burst_is_gone(call, "acme", SLOW)

    more = [granted(call, "acme", 10_000, terms=terms) for terms in [PLENTY, SLOW] * 10]

    assert 0 < sum(more) <= burst_of(PLENTY)


def test_going_back_to_the_former_version_counts_once_nobody_can_lag_behind_any_more(call, clock):
    granted(call, "acme", 1)
    burst_is_gone(call, "acme", DAILY)

    clock.go(LAGGING_US / SECOND_US)

    assert granted(call, "acme", 10_000) > 0


def test_a_zone_is_kept_until_it_is_at_rest(call, clock):
    burst_is_gone(call, "acme", DAILY)

    assert blocking().ttl(keys.zone("acme", KEY)) > 0.9 * DAY_SECONDS


def test_s29_a_policy_at_its_largest_bounds_can_be_asked_for(call, clock):
    year = 366 * DAY_SECONDS * SECOND_NS
    largest = ZonePolicy(name="tenant", permits=1, period_ns=year, burst=10**12, delay=10**12)

    assert granted(call, "acme", 5, terms=Terms.of(largest)) == 5
    assert granted(call, "acme", 5, terms=Terms.of(largest)) == 5


def test_a_worker_that_is_alone_is_told_the_whole_rate(call, clock):
    [answer] = asked(call, "acme", Ask(1, 1)).answers

    assert answer.share == 1


def test_workers_that_go_on_asking_are_told_equal_parts(call, clock):
    for _ in range(60):
        clock.go(0.25)
        shares = [asked(call, "acme", Ask(1, 1), worker=worker).answers[0].share for worker in "1234"]

    assert shares == [0.25] * 4


def test_a_worker_that_is_gone_leaves_its_part_to_the_others(call, clock):
    for worker in "1234":
        asked(call, "acme", Ask(1, 1), worker=worker)
    for _ in range(60):
        clock.go(0.25)
        shares = [asked(call, "acme", Ask(1, 1), worker=worker).answers[0].share for worker in "12"]

    assert shares == [0.5] * 2
    assert sum(name.startswith("w:") for name in blocking().hkeys(keys.zone("acme", KEY))) == 2


@ONE_EACH
@given(
    steps=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 500_000), st.integers(0, 6 * SECOND_US)), st.sampled_from("12345"), st.booleans()
        ),
        max_size=40,
    )
)
def test_f9_parts_that_workers_know_add_up_to_one_at_the_most_although_answers_are_lost(call, clock, steps):
    tenant_id, known = str(uuid4()), {}
    for gap_us, worker, is_lost in steps:
        clock.now_us += gap_us
        [answer] = asked(call, tenant_id, Ask(1, 1), worker=worker).answers
        if not is_lost:
            known[worker] = answer.share, clock.now_us
        lately_us = clock.now_us - TOLD_NS // 1000
        assert sum(share for share, told_us in known.values() if told_us > lately_us) <= 1 + 1e-9


def test_f9_a_worker_whose_smaller_part_was_lost_on_the_way_is_left_the_larger_one(call, clock):
    shares = []
    for seconds, worker in ((0, "1"), (4.9, "1"), (0.1, "2"), (0.1, "1"), (0.1, "2")):
        clock.go(seconds)
        shares.append(asked(call, "acme", Ask(1, 1), worker=worker).answers[0].share)

    assert shares == [1, 1, 0, 0.5, 0]


@pytest.mark.asyncio
async def test_f9_while_redis_hangs_nothing_is_granted(own_server, redis_on_loop):
    with own_server.frozen(), pytest.raises(StoreUnavailable):
        await take_leases(redis_on_loop, "acme", "1", "", [LeaseRequest(KEY, PLENTY, Ask(1, 1))])
