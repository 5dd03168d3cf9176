from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.store import keys
from relay.store.caps import SETTLE_SECONDS, Held, Holding, Newcomer, Result, Who, enter
from relay.store.pool import blocking
from relay.throttle.limiter import Limiter
from relay.throttle.policy import SECOND_NS
from relay.throttle.verdict import Action
from relay.throttle.zone import Zone
from tests.relay.store.held_clock import SECOND_US
from tests.relay.store.places import CAP, CONNECTIONS, HANDSHAKES, RATES, WIDER, ZONE, Places, steps

SEVERAL = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
THOUSANDS = settings(SEVERAL, max_examples=2000)


@pytest.fixture
def full(entry):
    """Has all three places taken: two by one worker, one by another."""
    for worker in "112":
        entry(worker)


def test_as_many_are_let_in_as_the_cap_allows(entry):
    entries = [entry(worker) for worker in "1212"]

    assert [one.result for one in entries] == [Result.IN] * 3 + [Result.FULL]
    assert [one.totals for one in entries] == [(1,), (2,), (3,), (3,)]


def test_a_connection_without_limits_is_let_in(entry):
    assert entry(caps=()) == entry(caps=())
    assert entry(caps=()).result is Result.IN


def test_a_place_that_is_given_back_is_free(full, entry, holding):
    assert holding("1", 1) == Holding(0, 2)

    assert entry("2").result is Result.IN


def test_whoever_comes_says_along_who_has_left(full, entry, held):
    held["acme", "1", CAP] = 0

    assert entry("1").totals == (2,)
    assert entry("2").totals == (3,)


def test_whoever_is_refused_says_along_who_has_left_too(full, entry, held):
    wide = replace(CONNECTIONS, permits=1)
    entry("2", caps=((WIDER, wide),))
    held["acme", "1", CAP] = 0

    assert entry("1", caps=((CAP, CONNECTIONS), (WIDER, wide))).result is Result.FULL
    assert entry("2").totals == (2,)


def test_the_cap_that_is_full_is_named(entry):
    wide = replace(CONNECTIONS, permits=1)
    entry(caps=((WIDER, wide),))

    full = entry(caps=((CAP, CONNECTIONS), (WIDER, wide)))

    assert (full.result, full.refused_by, full.totals) == (Result.FULL, 1, (0, 1))


def test_where_a_cap_is_full_no_zone_is_charged(entry):
    zones = ((ZONE, replace(HANDSHAKES, permits=1, burst=0, delay=0)),)
    full = replace(CONNECTIONS, permits=1)
    entry(caps=((CAP, full),))

    assert entry(zones=zones, caps=((CAP, full),)).result is Result.FULL

    assert entry(zones=zones, caps=()).result is Result.IN


def test_where_a_zone_rejects_no_cap_is_taken_and_no_other_zone_charged(entry):
    once = replace(HANDSHAKES, permits=1, burst=0, delay=0)
    other = ZONE._replace(name="other")
    entry(zones=((ZONE, once),))

    rejected = entry(zones=((other, once), (ZONE, once)))

    assert (rejected.result, rejected.refused_by, rejected.wait_us) == (Result.REJECTED, 1, SECOND_US)
    assert rejected.totals == (1,)
    assert all(blocking().pttl(name) > 0 for name in blocking().scan_iter())
    assert entry(zones=((other, once),), caps=()).result is Result.IN


def test_the_zone_that_rejects_for_longest_is_named(entry):
    zones = tuple((ZONE._replace(name=str(n)), replace(HANDSHAKES, permits=n, burst=0, delay=0)) for n in (4, 1, 2))
    entry(zones=zones)

    assert entry(zones=zones)[0:3] == (Result.REJECTED, 1, SECOND_US)


def test_handshakes_pass_up_to_delay_then_wait_then_are_rejected(entry):
    entries = [entry(zones=((ZONE, HANDSHAKES),), caps=()) for _ in range(12)]

    assert [one.wait_us for one in entries] == [0, 0, 0, *range(200_000, 1_800_000, 200_000), 200_000]
    assert [one.result for one in entries] == [Result.IN] * 11 + [Result.REJECTED]


def test_whoever_was_rejected_is_let_in_after_the_time_that_it_was_told(entry, clock):
    rejected = [entry(zones=((ZONE, HANDSHAKES),), caps=()) for _ in range(12)][-1]

    clock.now_us += rejected.wait_us - 1
    assert entry(zones=((ZONE, HANDSHAKES),), caps=()).result is Result.REJECTED
    clock.now_us += 1
    assert entry(zones=((ZONE, HANDSHAKES),), caps=()).result is Result.IN


@SEVERAL
@given(
    policies=st.lists(st.sampled_from(RATES), min_size=1, max_size=3, unique=True),
    gaps_us=st.lists(st.one_of(st.just(0), st.integers(0, 500_000), st.integers(0, 20_000_000)), max_size=30),
)
def test_handshakes_are_decided_as_one_process_decides_them(entry, clock, policies, gaps_us):
    in_microseconds = [replace(policy, period_ns=policy.period_ns // 1000) for policy in policies]
    tenant_id, model = str(uuid4()), Limiter(map(Zone, in_microseconds))
    zones = [(ZONE._replace(scope_id=str(number)), policy) for number, policy in enumerate(policies)]
    for gap_us in gaps_us:
        clock.now_us += gap_us
        one, verdict = entry(zones=zones, caps=(), tenant_id=tenant_id), model.admit(clock.now_us)
        assert (one.result is Result.REJECTED) == (verdict.action is Action.REJECT)
        assert one.wait_us == verdict.wait_ns


def test_a_new_version_keeps_what_was_spent_up_to_its_burst(entry, clock):
    daily = replace(HANDSHAKES, permits=1, period_ns=86_400 * SECOND_NS, burst=10, delay=10)
    for _ in range(11):
        entry(zones=((ZONE, daily),), caps=())

    waits_us = [entry(zones=((ZONE, HANDSHAKES),), caps=()).wait_us for _ in range(2)]
    clock.now_us += waits_us[0]

    assert waits_us == [SECOND_US // 5] * 2
    assert entry(zones=((ZONE, HANDSHAKES),), caps=()).result is Result.IN


def test_workers_under_the_new_and_the_former_version_in_turns_let_in_one_burst(entry):
    fewer = replace(HANDSHAKES, permits=1, burst=0, delay=0)
    both = [entry(zones=((ZONE, policy),), caps=()).result for policy in (HANDSHAKES, fewer) * 20]

    assert both.count(Result.IN) <= HANDSHAKES.burst + 1


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_f15_a_clock_that_steps_changes_nothing_for_those_who_are_in(full, entry, holding, clock, seconds):
    clock.go(seconds)

    assert entry("3").result is Result.FULL
    assert holding("1", 2) == Holding(0, 3)
    assert holding("2", 1) == Holding(0, 3)


def test_f15_a_clock_that_steps_back_gives_no_handshakes_and_holds_up_none(entry, clock):
    zones = ((ZONE, HANDSHAKES),)
    for _ in range(11):
        entry(zones=zones, caps=())

    clock.go(-3600)
    assert entry(zones=zones, caps=()).result is Result.REJECTED
    clock.go(0.2)
    assert entry(zones=zones, caps=()).result is Result.IN


def test_places_of_the_dead_are_free_for_whoever_says_who_is_dead(full, entry, holding):
    assert entry("3").result is Result.FULL

    assert [entry("3", dead=["1"]).totals, entry("3").totals] == [(2,), (3,)]
    assert entry("2").result is Result.FULL


def test_those_whose_places_fill_a_cap_are_named_to_whoever_is_refused(full, call, held):
    under = (Held(CAP, held["acme", "2", CAP], CONNECTIONS.permits),)

    entries = call(enter, Who("acme", "2", ""), [Newcomer((), under)])

    assert (entries.each[0].result, entries.others) == (Result.FULL, ["1"])


def test_a_worker_that_was_buried_must_say_what_it_holds_before_it_lets_anybody_in(full, entry):
    entry("2", dead=["1"])

    stranger = entry("1")

    assert (stranger.result, stranger.totals) == (Result.STRANGER, ())


def test_a_worker_that_was_buried_gives_up_what_others_got_meanwhile(full, entry, holding):
    assert entry("2", dead=["1"]).totals == (2,)

    assert holding("1", 2) == Holding(1, 3)
    assert entry("1").result is Result.FULL


def test_a_worker_that_was_buried_and_holds_nothing_any_more_is_let_in(full, entry, held):
    entry("2", dead=["1"])
    held["acme", "1", CAP] = 0

    assert entry("1").totals == (3,)


def test_who_begins_another_life_goes_on_with_what_it_held(entry, holding):
    for _ in range(2):
        entry("a/1")
    entry("b/1")

    assert holding("a/2", 2, was_dead=True) == Holding(0, 3)
    assert blocking().hgetall(keys.cap("acme", CAP)) == {"a/2": "2", "b/1": "1"}


def test_a_worker_is_buried_late_in_a_former_life_and_loses_nothing_of_the_present_one(entry, holding):
    for _ in range(2):
        entry("a/1")
    entry("b/1")
    holding("a/2", 2, was_dead=True)

    assert entry("b/1", dead=["a/1"]).result is Result.FULL


def test_what_a_former_life_says_late_counts_no_more(entry, holding):
    for _ in range(2):
        entry("a/1")
    holding("a/2", 2, was_dead=True)

    assert entry("a/1").result is Result.STRANGER
    assert holding("a/1", 1) == Holding(0, 2)
    assert blocking().hgetall(keys.cap("acme", CAP)) == {"a/2": "2"}


def test_ten_is_a_later_life_than_nine(entry, holding):
    entry("a/9")

    assert holding("a/10", 1, was_dead=True) == Holding(0, 1)
    assert holding("a/9", 1) == Holding(0, 1)


def test_whoever_was_let_in_stays_when_the_cap_is_lowered(entry, holding):
    for _ in range(3):
        entry("1")

    assert holding("1", 3, limit=1) == Holding(0, 3)
    assert holding("stranger", 2, limit=1) == Holding(2, 3)


def generation_of(tenant_id):
    """The name of Redis' data."""
    return blocking().hget(keys.store_clock(tenant_id), "generation")


def test_f10_after_a_loss_of_data_nobody_is_let_in_until_all_can_have_said_what_they_hold(full, entry, holding, clock):
    generation = generation_of("acme")
    blocking().flushdb()
    clock.go(0.1)

    assert entry("1", generation=generation).result is Result.STRANGER
    unsettled = entry("3", generation="another")
    assert (unsettled.result, unsettled.wait_us) == (Result.UNSETTLED, SETTLE_SECONDS * SECOND_US)
    assert [holding("1", 2), holding("2", 1)] == [Holding(0, 2), Holding(0, 3)]

    clock.now_us += unsettled.wait_us - 1
    assert entry("3").result is Result.UNSETTLED
    clock.now_us += 1
    assert entry("3").result is Result.FULL


def test_f10_after_a_loss_of_data_a_zone_of_handshakes_counts_as_used_up(entry, clock):
    zones = ((ZONE, HANDSHAKES),)
    entry(zones=zones, caps=())
    generation = generation_of("acme")
    blocking().flushdb()
    clock.go(0.1)

    results = [entry(zones=zones, caps=(), generation=generation).result for _ in range(2)]

    assert results == [Result.IN, Result.REJECTED]


def test_s1_a_cap_of_one_tenant_counts_nothing_of_another(entry):
    for _ in range(3):
        entry()

    assert entry(tenant_id="umbrella").totals == (1,)


@SEVERAL
@given(history=steps())
def test_histories_of_several_workers_go_as_in_the_model(call, clock, history):
    call(Places(str(uuid4()), clock).live, history)


@pytest.mark.conformance
@pytest.mark.timeout(600)
@THOUSANDS
@given(history=steps(at_least=10, at_most=100))
def test_thousands_of_histories_of_several_workers_go_as_in_the_model(call, clock, history):
    call(Places(str(uuid4()), clock).live, history)
