import asyncio
import time

import pytest

from relay.process.tasks import end_tasks
from relay.store import keys
from relay.store.pool import StoreUnavailable, blocking
from relay.store.workers import ALIVE_SECONDS, names_of_alive_workers
from tests.relay.eventually import eventually

pytestmark = pytest.mark.asyncio


async def test_it_beats_at_once_and_again_and_again(redis, sharing_of):
    heart = sharing_of().heart
    assert heart.has_stopped(time.monotonic())

    beating = asyncio.create_task(heart.beat_for_ever())
    await eventually(lambda: not heart.has_stopped(time.monotonic()))
    first = blocking().zrange(keys.workers(), 0, -1, withscores=True)
    await eventually(lambda: blocking().zrange(keys.workers(), 0, -1, withscores=True) != first)
    await end_tasks([beating])


async def test_those_who_beat_know_how_many_they_are(redis, sharing_of):
    both = [sharing_of() for _ in range(2)]
    for sharing in (*both, both[0]):
        await sharing.heart.beat()

    assert [sharing.figures.workers for sharing in both] == [2, 2]
    assert sorted(names_of_alive_workers()) == sorted(sharing.worker for sharing in both)


async def test_it_has_stopped_when_it_could_not_beat_for_as_long_as_others_take_it_for_alive(redis, sharing_of):
    heart, before = sharing_of().heart, time.monotonic()
    await heart.beat()

    assert not heart.has_stopped(before + ALIVE_SECONDS)
    assert heart.has_stopped(time.monotonic() + ALIVE_SECONDS)


async def test_many_that_want_a_beat_at_once_get_one_or_two(redis, sharing_of):
    heart = sharing_of().heart
    await heart.beat()
    before = blocking().info("commandstats")["cmdstat_evalsha"]["calls"]

    await asyncio.gather(*(heart.beat() for _ in range(20)))

    assert blocking().info("commandstats")["cmdstat_evalsha"]["calls"] <= before + 2


async def test_without_redis_a_beat_fails_and_nobody_is_dead(no_redis, sharing_of):
    heart = sharing_of().heart
    with pytest.raises(StoreUnavailable):
        await heart.beat()
    with pytest.raises(StoreUnavailable):
        await heart.dead_among(["another/1"])


async def test_whoever_was_taken_for_dead_begins_another_life_and_is_told(redis, sharing_of):
    sharing, revived = sharing_of(), []
    sharing.heart.revived = lambda: revived.append(1)
    await sharing.heart.beat()
    blocking().zrem(keys.workers(), sharing.worker)

    await sharing.heart.beat()
    await sharing.heart.beat()

    assert sharing.heart.name == f"{sharing.worker}/2"
    assert revived == [1]


async def test_where_redis_forgot_who_is_alive_all_is_said_again(redis, sharing_of):
    sharing, revived = sharing_of(), []
    sharing.heart.revived = lambda: revived.append(1)
    await sharing.heart.beat()
    blocking().flushdb()

    await sharing.heart.beat()

    assert revived == [1]


async def test_a_name_that_nobody_knows_is_dead_once_redis_was_asked_and_has_known_all_for_long(redis, sharing_of):
    one, other = sharing_of(), sharing_of()
    await one.heart.beat()
    await other.heart.beat()
    assert await one.heart.dead_among([other.heart.name, "unknown/1"]) == []  # it is too early to tell

    began_us = blocking().time()[0] * 1_000_000 - 60_000_000
    blocking().hset(keys.workers_clock(), "generation", began_us)
    await one.heart.beat()

    assert await one.heart.dead_among([other.heart.name, "unknown/1"]) == ["unknown/1"]


async def test_b70_bytes_among_the_names_of_workers_end_no_process(redis, sharing_of):
    blocking().zadd(keys.workers(), {b"\xff": 9e15})
    heart = sharing_of().heart

    with pytest.raises(StoreUnavailable):
        await heart.beat()
    with pytest.raises(StoreUnavailable):
        names_of_alive_workers()
