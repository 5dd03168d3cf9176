from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.store import keys
from relay.store.pool import StoreUnavailable, blocking
from relay.store.workers import (
    ALIVE_SECONDS,
    SETTLE_SECONDS,
    Reading,
    Spent,
    add_spent,
    beat,
    names_of_alive_workers,
    readings,
)
from relay.throttle.policy import Scope
from relay.throttle.zones import ZoneKey
from tests.relay.store.held_clock import SECOND_US

SEVERAL = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
KEY, OTHER = ZoneKey(Scope.TENANT, "t1", "p1", "all"), ZoneKey(Scope.CLIENT, "c1", "p1", "client")


@pytest.fixture
def speak(call, clock):
    """Has a worker say that it is alive; answers what it hears."""
    return lambda worker, generation="": call(beat, worker, generation)


def names(pulse):
    return sorted(pulse.alive)


def test_whoever_says_that_it_is_alive_counts_itself(speak):
    pulse = speak("first")

    assert pulse.alive == {"first": ALIVE_SECONDS}
    assert (pulse.is_new, pulse.has_lapsed) == (True, False)


def test_each_hears_who_there_is(speak):
    assert [len(speak(worker).alive) for worker in ("first", "second", "first", "third")] == [1, 2, 2, 3]
    assert sorted(names_of_alive_workers()) == ["first", "second", "third"]


def test_nobody_is_alive_before_anybody_spoke(redis):
    assert names_of_alive_workers() == []


def all_speak(speak, clock, seconds, *workers):
    """Let time pass while workers say that they are alive."""
    for _ in range(seconds):
        clock.go(1)
        for worker in workers:
            pulse = speak(worker)
    return pulse


def test_whoever_says_nothing_is_forgotten_once_it_counts_as_dead(speak, clock):
    generation = speak("silent").generation

    assert names(all_speak(speak, clock, int(ALIVE_SECONDS) - 1, "other")) == ["other", "silent"]
    pulse = all_speak(speak, clock, 1, "other")

    assert (names(pulse), pulse.is_new) == (["other"], False)
    assert names_of_alive_workers() == ["other"]
    assert speak("silent", generation).has_lapsed
    assert not speak("silent", generation).has_lapsed


def test_each_hears_for_how_long_the_others_are_alive_without_another_word(speak, clock):
    speak("first")
    clock.go(3)

    assert speak("second").alive == {"first": ALIVE_SECONDS - 3, "second": ALIVE_SECONDS}


def test_whoever_looks_changes_nothing(speak, clock):
    speak("first")
    before = blocking().hgetall(keys.workers_clock())

    clock.go(1)

    assert names_of_alive_workers() == ["first"]
    assert blocking().hgetall(keys.workers_clock()) == before


def test_f9_those_who_could_not_speak_while_redis_hung_are_alive_still(speak, clock):
    generation = speak("first").generation
    speak("second")

    clock.go(30)

    assert names(speak("first", generation)) == ["first", "second"]
    clock.go(1)
    assert not speak("second", generation).has_lapsed
    clock.go(SETTLE_SECONDS)
    assert names(speak("first", generation)) == ["first", "second"]


def test_f9_whoever_died_while_redis_hung_is_dead_soon_after(speak, clock):
    speak("dead")
    speak("living")

    clock.go(30)
    speak("living")

    assert names(all_speak(speak, clock, int(SETTLE_SECONDS), "living")) == ["living"]


def test_f15_a_clock_that_steps_buries_nobody(speak, clock):
    generation = speak("first").generation
    for seconds in (-3600, 1, 3600, 1):
        clock.go(seconds)
        assert not speak("first", generation).has_lapsed
    assert names_of_alive_workers() == ["first"]


def test_f10_after_a_loss_of_data_nobody_can_be_told_to_be_dead_for_a_while(speak, clock):
    generation = speak("first").generation
    blocking().flushdb()
    clock.go(1)

    pulse = speak("second", generation)

    assert (names(pulse), pulse.is_new, pulse.generation == generation) == (["second"], True, False)
    assert all_speak(speak, clock, int(ALIVE_SECONDS) - 1, "second").is_new
    assert not all_speak(speak, clock, 1, "second").is_new


def test_f16_a_script_that_redis_forgot_runs_all_the_same(speak):
    speak("first")
    blocking().script_flush()
    assert names_of_alive_workers() == ["first"]

    blocking().script_flush()
    assert names(speak("first")) == ["first"]


def test_f53_the_time_is_redis_own(redis, call):
    call(beat, "first", "")

    seconds, microseconds = blocking().time()
    until = blocking().zscore(keys.workers(), "first") / 1e6
    assert 0 <= seconds + microseconds / 1e6 + ALIVE_SECONDS - until < ALIVE_SECONDS


def test_the_list_ends_when_nobody_is_alive_any_more(speak):
    speak("first")

    assert blocking().ttl(keys.workers()) > 0
    assert blocking().ttl(keys.workers_clock()) > 0


@pytest.mark.asyncio
async def test_f9_nobody_is_counted_while_redis_hangs(own_server, redis_on_loop):
    with own_server.frozen():
        with pytest.raises(StoreUnavailable):
            await beat(redis_on_loop, "first", "")
        with pytest.raises(StoreUnavailable):
            names_of_alive_workers()


@pytest.mark.asyncio
async def test_what_workers_spend_of_one_zone_adds_up(redis, redis_on_loop):
    for permits in (30, 12):
        most = await add_spent(redis_on_loop, "t1", [Spent(KEY, permits, (100, 400))])

    assert most == [(42, 42)]


@pytest.mark.asyncio
async def test_each_zone_is_counted_by_itself_and_told_with_what_it_allows(redis, redis_on_loop):
    await add_spent(redis_on_loop, "t1", [Spent(KEY, 150, (100, 400)), Spent(OTHER, 5, (10, 50))])

    told = readings("t1")

    assert [(one.zone, one.allowed, one.admitted) for one in told] == [
        ("client/c1/p1/client", (10, 50), (5, 5)),
        ("tenant/t1/p1/all", (100, 400), (150, 150)),
    ]
    assert [one.ratio for one in told] == [0.5, 1.5]


@pytest.mark.asyncio
async def test_the_most_of_any_stretch_counts_and_not_what_came_later(redis, redis_on_loop):
    await add_spent(redis_on_loop, "t1", [Spent(KEY, 1, (100, 400))])
    [second] = map(int, blocking().hkeys(keys.gauge("t1", KEY)))
    blocking().hset(
        keys.gauge("t1", KEY), mapping={second - 12: 40, second - 19: 30, second - 40: 60, second - 130: 900}
    )

    assert await add_spent(redis_on_loop, "t1", [Spent(KEY, 0, (100, 400))]) == [(70, 131)]


def fullest(told, now, seconds):
    """The most in any stretch of so many seconds that ends in the last minute."""
    ends = range(now - 59, now + 1)
    return max(sum(n for at, n in told if end - seconds < at <= end) for end in ends)


@SEVERAL
@given(
    steps=st.lists(
        st.tuples(st.one_of(st.integers(0, 3), st.integers(0, 90)), st.integers(0, 2_000)), min_size=1, max_size=150
    )
)
def test_whatever_was_spent_when_the_most_is_that_of_the_fullest_stretch(call, clock, steps):
    tenant_id, told = str(uuid4()), []
    for seconds, permits in steps:
        clock.go(seconds)
        now = clock.now_us // SECOND_US
        told.append((now, permits))
        [most] = call(add_spent, tenant_id, [Spent(KEY, permits, (100, 400))])
        assert most == (fullest(told, now, 10), fullest(told, now, 60))


@pytest.mark.asyncio
async def test_nothing_of_it_stays_for_ever(redis, redis_on_loop):
    await add_spent(redis_on_loop, "t1", [Spent(KEY, 1, (100, 400))])

    assert all(blocking().pttl(key) > 0 for key in blocking().scan_iter())


@pytest.mark.asyncio
async def test_what_nobody_used_has_no_reading(redis):
    assert readings("t1") == []


@pytest.mark.asyncio
async def test_a_reading_is_an_overshoot_when_any_window_is():
    assert Reading("z", (100, 400), (99, 404), 0).ratio == 1.01
