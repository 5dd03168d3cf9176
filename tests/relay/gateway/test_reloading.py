import asyncio

import pytest
import pytest_asyncio
import redis as redis_py
from django.db import DatabaseError

from relay.gateway.reloading import PendingReload, Reloading
from relay.process.tasks import end_tasks
from relay.store.announcements import announce
from relay.store.backoff import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS
from relay.store.breaker import CircuitOpen
from relay.store.client_records import RecordsMissing
from relay.store.pool import StoreUnavailable
from relay.store.receipts import Receipts
from tests.relay.eventually import eventually, turns

pytestmark = pytest.mark.asyncio
BAD, GOOD = "bad", "good"


class Reloader:
    """Reloads tenants: ``failing`` says with what it fails for whom."""

    def __init__(self):
        self.failing = {}
        self.tried = []
        self.done = []

    async def reload(self, tenant_id):
        self.tried.append(tenant_id)
        if tenant_id in self.failing:
            raise self.failing[tenant_id]
        self.done.append(tenant_id)
        return {}


@pytest.fixture
def reloader():
    return Reloader()


@pytest_asyncio.fixture
async def following(redis, redis_on_loop, reloader):
    """A task that follows announcements for two known tenants, and has reloaded both at its start."""
    receipts = Receipts(redis_on_loop, "7-5f1c")
    task = asyncio.create_task(Reloading(reloader.reload, {BAD, GOOD}, receipts).follow())
    await eventually(lambda: sorted(reloader.done) == [BAD, GOOD])
    reloader.done.clear()
    reloader.tried.clear()
    yield task
    await end_tasks([task])


def logged(caplog):
    """Kinds of errors in the log, in order."""
    return [record.msg["error"] for record in caplog.records if "reload_failed" in str(record.msg)]


@pytest.mark.parametrize(
    "error",
    [ValueError("canary"), KeyError("canary"), DatabaseError(), RecordsMissing(BAD), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_tenant_whose_reload_fails_in_whatever_way_keeps_no_other_waiting(following, reloader, error):
    reloader.failing[BAD] = error
    announce(BAD)
    await eventually(lambda: BAD in reloader.tried)

    announce(GOOD)

    async with asyncio.timeout(1):
        await eventually(lambda: reloader.done == [GOOD])
    assert not following.done()


async def test_a_tenant_whose_reload_fails_is_tried_again_until_it_succeeds(following, reloader):
    reloader.failing[BAD] = ValueError("canary")
    announce(BAD)
    await eventually(lambda: len(reloader.tried) == 2)

    reloader.failing.clear()

    await eventually(lambda: reloader.done == [BAD])


async def test_a_reload_that_fails_for_long_is_logged_once_for_each_kind_of_error(following, reloader, caplog):
    reloader.failing[BAD] = ValueError("canary")
    announce(BAD)
    await eventually(lambda: len(reloader.tried) == 3)
    reloader.failing[BAD] = StoreUnavailable()
    announce(BAD)
    await eventually(lambda: len(reloader.tried) == 5)

    assert logged(caplog) == ["ValueError", "RedisError"]


async def test_while_redis_does_not_answer_one_line_tells_it_of_all_tenants(following, reloader, caplog):
    reloader.failing = {BAD: redis_py.ConnectionError(), GOOD: redis_py.TimeoutError()}
    announce(BAD)
    announce(GOOD)
    await eventually(lambda: {BAD, GOOD} <= set(reloader.tried))
    reloader.failing = dict.fromkeys((BAD, GOOD), CircuitOpen())
    await eventually(lambda: len(reloader.tried) >= 6)

    assert len(logged(caplog)) == 1

    reloader.failing.clear()
    await eventually(lambda: set(reloader.done) == {BAD, GOOD})
    reloader.failing[GOOD] = CircuitOpen()
    announce(GOOD)
    await eventually(lambda: len(logged(caplog)) == 2)


async def test_another_announcement_ends_the_pause_before_the_next_try(following, reloader):
    reloader.failing[BAD] = ValueError("canary")
    announce(BAD)
    await eventually(lambda: len(reloader.tried) == 4)  # the next pause would be over a second

    reloader.failing.clear()
    announce(BAD)

    async with asyncio.timeout(1):
        await eventually(lambda: reloader.done == [BAD])


async def test_whoever_stops_following_leaves_no_reload_behind(following, reloader):
    reloader.failing[BAD] = ValueError("canary")
    announce(BAD)
    await eventually(lambda: BAD in reloader.tried)

    await end_tasks([following])

    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("reload of")]


async def test_of_several_announcements_the_last_one_is_applied_next():
    pending = PendingReload()
    pending.announce("1-0")
    pending.announce("2-0")

    assert (pending.take(), pending.take()) == ("2-0", "")
    assert not await pending.is_announced_within(0)


async def test_an_announcement_that_comes_during_a_pause_ends_it():
    pending = PendingReload()
    waiting = asyncio.create_task(pending.is_announced_within(LONGEST_RETRY_SECONDS))
    await turns(0)

    pending.announce("1-0")

    async with asyncio.timeout(FIRST_RETRY_SECONDS):
        assert await waiting
