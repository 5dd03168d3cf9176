import asyncio

import pytest

from relay.sharing.each import for_each
from tests.relay.eventually import eventually, turns

pytestmark = pytest.mark.asyncio


async def test_each_gets_its_step_and_no_more_than_so_many_at_once():
    done, under_way, most = [], set(), []

    async def step(item):
        under_way.add(item)
        most.append(len(under_way))
        await turns(0)
        under_way.remove(item)
        done.append(item)

    await for_each(range(20), step, at_once=3)

    assert sorted(done) == list(range(20))
    assert max(most) == 3


async def test_an_exception_in_one_is_that_ones_alone(caplog):
    done = []

    async def step(item):
        if item == 1:
            raise LookupError
        done.append(item)

    await for_each(range(4), step, at_once=1)

    assert done == [0, 2, 3]
    assert "background_step_failed" in caplog.text


async def test_nothing_to_do_is_done_at_once():
    await for_each([], turns)


async def test_a_cancellation_ends_all_steps():
    begun, ended = [], []

    async def step(item):
        begun.append(item)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(item)

    task = asyncio.create_task(for_each(range(5), step, at_once=2))
    await eventually(lambda: len(begun) == 2)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert sorted(ended) == [0, 1]
