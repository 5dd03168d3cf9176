import asyncio
import time

import pytest

from relay.store.pool import TIMEOUT_SECONDS, StoreUnavailable, answer_to, blocking, on_loop

GIVEN_UP_SECONDS = 2.0  # redis-py's own retries take 14 s


def test_strings_come_back_as_strings(redis):
    blocking().set("greeting", "grüß Gott")

    assert blocking().get("greeting") == "grüß Gott"


@pytest.mark.asyncio
async def test_strings_come_back_as_strings_on_the_loop(redis, redis_on_loop):
    await redis_on_loop.set("greeting", "grüß Gott")

    assert await redis_on_loop.get("greeting") == "grüß Gott"


def test_a_process_has_one_pool(redis):
    assert blocking() is blocking()


def test_f9_a_redis_that_hangs_is_given_up_on_soon(own_server):
    with own_server.frozen():
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            blocking().get("anything")

        assert TIMEOUT_SECONDS <= time.monotonic() - began < GIVEN_UP_SECONDS


@pytest.mark.asyncio
async def test_f9_a_redis_that_hangs_is_given_up_on_soon_on_the_loop(own_server, redis_on_loop):
    with own_server.frozen():
        async with asyncio.timeout(GIVEN_UP_SECONDS):
            with pytest.raises(StoreUnavailable):
                await redis_on_loop.get("anything")


@pytest.mark.asyncio
async def test_f9_while_redis_hangs_the_loop_goes_on(own_server, redis_on_loop):
    turned = []
    asyncio.get_running_loop().call_later(TIMEOUT_SECONDS / 10, turned.append, "meanwhile")

    with own_server.frozen(), pytest.raises(StoreUnavailable):
        await redis_on_loop.get("anything")

    assert turned


def test_f9_an_answer_that_came_too_late_is_not_taken_for_the_next(own_server):
    blocking().mset({"late": "late", "next": "next"})
    with own_server.frozen(), pytest.raises(StoreUnavailable):
        blocking().get("late")

    assert blocking().get("next") == "next"


@pytest.mark.asyncio
async def test_f9_an_answer_that_came_too_late_is_not_taken_for_the_next_on_the_loop(own_server, redis_on_loop):
    await redis_on_loop.mset({"late": "late", "next": "next"})
    with own_server.frozen(), pytest.raises(StoreUnavailable):
        await redis_on_loop.get("late")

    assert await redis_on_loop.get("next") == "next"


@pytest.mark.asyncio
async def test_whoever_waits_by_design_may_wait_longer(own_server):
    patient = on_loop(timeout_seconds=2 * TIMEOUT_SECONDS)

    entries = await patient.xread({"silent": "0"}, block=int(1.5 * TIMEOUT_SECONDS * 1000))
    await patient.aclose()

    assert not entries


def test_f7_where_nothing_listens_the_store_is_unavailable(no_redis):
    with pytest.raises(StoreUnavailable) as unavailable:
        blocking().get("anything")

    assert "canary-password" not in str(unavailable.value)


@pytest.mark.asyncio
async def test_f7_where_nothing_listens_the_store_is_unavailable_on_the_loop(no_redis, redis_on_loop):
    with pytest.raises(StoreUnavailable) as unavailable:
        await redis_on_loop.get("anything")

    assert "canary-password" not in str(unavailable.value)


def test_f8_a_redis_that_came_back_is_used_at_once(own_server):
    blocking().set("before", "1")
    own_server.end()
    with pytest.raises(StoreUnavailable):
        blocking().get("before")

    own_server.start()

    assert blocking().get("before") is None


@pytest.mark.asyncio
async def test_f8_a_redis_that_came_back_is_used_at_once_on_the_loop(own_server, redis_on_loop):
    await redis_on_loop.set("before", "1")
    own_server.end()
    with pytest.raises(StoreUnavailable):
        await redis_on_loop.get("before")

    own_server.start()

    assert await redis_on_loop.get("before") is None


def test_f12_a_redis_that_only_reads_is_unavailable_for_writes(own_server):
    blocking().set("before", "1")
    blocking().config_set("replica-serve-stale-data", "yes")
    blocking().replicaof("127.0.0.1", "1")

    with pytest.raises(StoreUnavailable):
        blocking().set("after", "1")

    assert blocking().get("before") == "1"


def test_f13_a_full_redis_is_unavailable_for_writes(own_server):
    blocking().set("before", "1")
    blocking().config_set("maxmemory", "1")

    with pytest.raises(StoreUnavailable):
        blocking().set("after", "1")

    assert blocking().get("before") == "1"


def test_a_database_that_redis_does_not_have_is_unavailable(own_server, settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{own_server.port}/9999"
    blocking.cache_clear()

    with pytest.raises(StoreUnavailable):
        blocking().get("anything")


@pytest.mark.asyncio
async def test_f17_a_read_over_a_connection_that_died_in_the_pool_is_asked_once_more(redis, redis_on_loop):
    await redis_on_loop.ping()
    blocking().client_kill_filter(_type="normal", skipme=True)

    assert await answer_to(redis_on_loop.ping)


@pytest.mark.asyncio
async def test_f7_what_nobody_answers_is_unavailable_after_the_second_try(own_server, redis_on_loop):
    own_server.end()

    with pytest.raises(StoreUnavailable):
        await answer_to(redis_on_loop.ping)
