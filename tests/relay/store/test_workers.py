import pytest

from relay.store import keys
from relay.store.pool import StoreUnavailable, blocking
from relay.store.workers import ALIVE_SECONDS, alive_workers, names_of_alive_workers


@pytest.fixture
def speak(call, clock):
    """Has a worker say that it is alive; answers how many are."""
    return lambda worker: call(alive_workers, worker)


def test_whoever_says_that_it_is_alive_counts_itself(speak):
    assert speak("first") == 1


def test_each_hears_how_many_there_are(speak):
    assert [speak(worker) for worker in ("first", "second", "first", "third")] == [1, 2, 2, 3]
    assert sorted(names_of_alive_workers()) == ["first", "second", "third"]


def test_nobody_is_alive_before_anybody_spoke(redis):
    assert names_of_alive_workers() == []


def test_whoever_says_nothing_is_forgotten(speak, clock):
    speak("first")

    clock.go(ALIVE_SECONDS)
    assert speak("second") == 2
    clock.now_us += 1
    assert speak("second") == 1


def test_whoever_is_named_said_so_lately(speak, clock):
    speak("first")

    clock.go(ALIVE_SECONDS)
    assert names_of_alive_workers() == ["first"]
    clock.now_us += 1
    assert names_of_alive_workers() == []


def test_f15_after_a_step_back_the_dead_are_not_taken_for_alive(speak, clock):
    for worker in ("dead", "living"):
        speak(worker)

    clock.go(-3600)

    assert names_of_alive_workers() == []
    assert speak("living") == 1


def test_f11_after_a_failover_to_a_clock_that_is_a_little_behind_all_are_alive_still(speak, clock):
    for worker in ("first", "second"):
        speak(worker)

    clock.go(-1)

    assert speak("first") == 2


def test_f10_after_a_loss_of_data_whoever_speaks_first_counts_itself(speak):
    speak("first")
    blocking().flushdb()

    assert speak("second") == 1


def test_f16_a_script_that_redis_forgot_runs_all_the_same(speak):
    speak("first")
    blocking().script_flush()
    assert names_of_alive_workers() == ["first"]

    blocking().script_flush()
    assert speak("first") == 1


def test_f53_the_time_is_redis_own(redis, call):
    call(alive_workers, "first")

    seconds, microseconds = blocking().time()
    assert 0 <= seconds + microseconds / 1e6 - blocking().zscore(keys.workers(), "first") < ALIVE_SECONDS


def test_the_list_ends_when_nobody_is_alive_any_more(speak):
    speak("first")

    assert 0 < blocking().ttl(keys.workers()) <= 2 * ALIVE_SECONDS


@pytest.mark.asyncio
async def test_f9_nobody_is_counted_while_redis_hangs(own_server, redis_on_loop):
    with own_server.frozen():
        with pytest.raises(StoreUnavailable):
            await alive_workers(redis_on_loop, "first")
        with pytest.raises(StoreUnavailable):
            names_of_alive_workers()
