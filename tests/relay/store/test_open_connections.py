from uuid import uuid4

import pytest

from relay.store.open_connections import read_open, tell_open
from relay.store.workers import beat, forget_worker

pytestmark = pytest.mark.asyncio
ONE, OTHER = "host-1", "host-2"


@pytest.fixture
def tenant_id():
    return str(uuid4())


async def test_what_processes_hold_is_added_up(redis, redis_on_loop, tenant_id):
    for worker, counts in ((ONE, {"orders": {"a": 2, "b": 1}}), (OTHER, {"orders": {"a": 3}, "chat": {"a": 1}})):
        await beat(redis_on_loop, worker, "")
        await tell_open(redis_on_loop, worker, tenant_id, counts)

    assert read_open(tenant_id) == {("orders", "a"): 5, ("orders", "b"): 1, ("chat", "a"): 1}


async def test_what_a_process_says_replaces_what_it_said(redis, redis_on_loop, tenant_id):
    await beat(redis_on_loop, ONE, "")
    await tell_open(redis_on_loop, ONE, tenant_id, {"orders": {"a": 2}})
    await tell_open(redis_on_loop, ONE, tenant_id, {"orders": {"a": 1}})
    assert read_open(tenant_id) == {("orders", "a"): 1}

    await tell_open(redis_on_loop, ONE, tenant_id, {})
    assert not read_open(tenant_id)


async def test_a_process_that_is_gone_holds_nothing(redis, redis_on_loop, tenant_id):
    await beat(redis_on_loop, ONE, "")
    await tell_open(redis_on_loop, ONE, tenant_id, {"orders": {"a": 2}})

    await forget_worker(redis_on_loop, ONE)

    assert not read_open(tenant_id)


async def test_one_tenant_is_told_nothing_of_another(redis, redis_on_loop, tenant_id):
    await beat(redis_on_loop, ONE, "")
    await tell_open(redis_on_loop, ONE, tenant_id, {"orders": {"a": 2}})

    assert not read_open(str(uuid4()))
