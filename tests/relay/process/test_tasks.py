import asyncio

import pytest
import pytest_asyncio

from relay.process.tasks import BackgroundTasks
from tests.relay.eventually import eventually, turns

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def tasks():
    tasks = BackgroundTasks()
    yield tasks
    await tasks.aclose()


async def for_ever():
    await asyncio.Event().wait()


async def at_once():
    return


async def wrongly():
    raise KeyError("canary")


async def on_a_cancelled_future():
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@pytest.mark.parametrize("work", [at_once, wrongly, on_a_cancelled_future])
async def test_a_task_that_ends_by_itself_in_whatever_way_is_noticed_and_logged(tasks, work, caplog):
    tasks.start(work(), "follow")

    await eventually(lambda: tasks.ended)

    assert (tasks.ended, tasks.names) == (["follow"], [])
    assert [record.msg["task"] for record in caplog.records if "background_task_ended" in str(record.msg)] == ["follow"]


async def test_a_task_that_somebody_else_cancels_has_ended_too(tasks):
    task = tasks.start(for_ever(), "follow")

    task.cancel()

    await eventually(lambda: tasks.ended == ["follow"])


async def test_tasks_that_their_owner_ends_are_no_failure(tasks):
    first, _ = tasks.start(for_ever(), "accept"), tasks.start(for_ever(), "follow")

    await tasks.end(first)
    assert tasks.names == ["follow"]
    await tasks.aclose()

    assert (tasks.ended, tasks.names) == ([], [])


async def test_a_task_whose_own_cleaning_up_fails_at_the_end_keeps_no_other_from_ending(tasks):
    async def careless():
        try:
            await for_ever()
        finally:
            raise KeyError("canary")

    tasks.start(careless(), "flush")
    tasks.start(for_ever(), "follow")
    await turns(0)

    await tasks.aclose()

    assert (tasks.ended, tasks.names) == ([], [])
