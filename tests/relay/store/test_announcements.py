import asyncio

import pytest
import pytest_asyncio

from relay.process.tasks import end_tasks
from relay.store import keys
from relay.store.announcements import (
    BLOCK_MILLISECONDS,
    EVERY_TENANT,
    KEPT,
    READ_AT_ONCE,
    announce,
    announced_tenants,
    changed_tenants,
)
from relay.store.pool import StoreUnavailable, blocking
from tests.relay.eventually import eventually, turns

pytestmark = pytest.mark.asyncio
IDLE_SECONDS = 1.5 * BLOCK_MILLISECONDS / 1000


@pytest_asyncio.fixture
async def listening():
    """Starts a listener, and gives what it hears, in order, from its first word on."""
    tasks = []

    async def listen(heard):
        async for tenant_id, _ in changed_tenants():
            heard.append(tenant_id)

    async def start():
        heard = []
        tasks.append(asyncio.create_task(listen(heard)))
        await eventually(lambda: heard or tasks[-1].done())
        return heard

    yield start
    await end_tasks(tasks)


def cut_off():
    """End the connection of every listener, as a network would."""
    blocking().client_kill_filter(_type="normal", skipme=True)


def flood(count):
    """Announce so many changes, without one call for each."""
    with blocking().pipeline(transaction=False) as pipeline:
        for _ in range(count):
            pipeline.xadd(keys.announcements(), {"tenant": "acme"})
        pipeline.xtrim(keys.announcements(), KEPT)
        pipeline.execute()


async def test_a_listener_first_hears_that_everything_may_have_changed(redis, listening):
    assert await listening() == [EVERY_TENANT]


async def test_what_was_announced_before_is_not_repeated(redis, listening):
    announce("before")
    heard = await listening()

    announce("after")

    await eventually(lambda: "after" in heard)
    assert heard == [EVERY_TENANT, "after"]


async def test_announcements_are_heard_once_each_and_in_their_order(redis, listening):
    heard = await listening()

    for number in range(100):
        announce(str(number))

    await eventually(lambda: "99" in heard)
    assert heard == [EVERY_TENANT, *map(str, range(100))]


async def test_who_announces_learns_the_entry_that_listeners_hear_of(redis):
    heard = changed_tenants()
    await anext(heard)

    entry_id = announce("acme")

    assert await anext(heard) == ("acme", entry_id)
    await heard.aclose()


async def test_all_tenants_that_were_announced_can_be_asked_for(redis, redis_on_loop):
    flood(READ_AT_ONCE)
    announce("last")
    blocking().xadd(keys.announcements(), {"alien": "field"})

    assert await announced_tenants(redis_on_loop) == {"acme", "last"}


async def test_every_listener_hears_them(redis, listening):
    all_heard = [await listening() for _ in range(3)]

    announce("acme")

    await eventually(lambda: all("acme" in heard for heard in all_heard))
    assert all_heard == [[EVERY_TENANT, "acme"]] * 3


async def test_a_listener_that_is_slow_misses_nothing(redis):
    heard = changed_tenants()
    assert (await anext(heard)).tenant_id == EVERY_TENANT

    for tenant_id in ("first", "second"):
        announce(tenant_id)

    assert [(await anext(heard)).tenant_id, (await anext(heard)).tenant_id] == ["first", "second"]
    await heard.aclose()


async def test_a_listener_that_heard_nothing_for_longer_than_it_blocks_still_listens(redis, listening):
    heard = await listening()
    announce("first")

    await turns(IDLE_SECONDS)
    announce("second")

    await eventually(lambda: "second" in heard)
    assert heard == [EVERY_TENANT, "first", "second"]


async def test_f17_a_listener_that_was_cut_off_hears_what_was_announced_meanwhile(redis, listening):
    heard = await listening()
    announce("before")
    await eventually(lambda: "before" in heard)

    cut_off()
    announce("meanwhile")
    await eventually(lambda: EVERY_TENANT in heard[1:] or "meanwhile" in heard)

    announce("after")
    await eventually(lambda: "after" in heard)
    assert heard[:2] == [EVERY_TENANT, "before"]


async def test_f10_after_redis_restarted_empty_everything_may_have_changed(own_server, listening):
    announce("before")
    heard = await listening()

    own_server.end()
    own_server.start()
    await eventually(lambda: heard[1:] == [EVERY_TENANT])

    announce("after")
    await eventually(lambda: heard[2:] == ["after"])


async def test_f10_a_redis_that_forgot_what_was_heard_may_have_forgotten_more(redis, listening):
    announce("before")
    heard = await listening()

    blocking().flushdb()

    await eventually(lambda: heard[1:] == [EVERY_TENANT])


async def test_f9_after_redis_hung_everything_may_have_changed(own_server, listening):
    heard = await listening()
    with own_server.frozen():
        await turns(3 * BLOCK_MILLISECONDS / 1000)

    announce("after")

    await eventually(lambda: heard[-1] == "after" or heard[1:] == [EVERY_TENANT])
    assert EVERY_TENANT in heard[1:]


async def test_f7_a_listener_waits_for_a_redis_that_is_not_there_yet(own_server):
    own_server.end()
    heard = changed_tenants()
    first = asyncio.create_task(anext(heard))
    await turns(0.1)
    assert not first.done()

    own_server.start()

    assert (await first).tenant_id == EVERY_TENANT
    await heard.aclose()


async def test_a_listener_that_ends_leaves_no_connection_behind(redis):
    connections = len(blocking().client_list())
    heard = changed_tenants()
    await anext(heard)
    assert len(blocking().client_list()) > connections

    await heard.aclose()

    await eventually(lambda: len(blocking().client_list()) == connections)


async def test_no_more_announcements_are_kept_than_needed(redis):
    flood(KEPT)
    flood(KEPT)

    announce("last")

    assert KEPT <= blocking().xlen(keys.announcements()) < KEPT + 200


async def test_a_listener_that_is_too_far_behind_hears_that_everything_may_have_changed(redis):
    heard = changed_tenants()
    await anext(heard)
    announce("heard")
    assert (await anext(heard)).tenant_id == "heard"

    announce("missed")
    flood(2 * KEPT)

    assert (await anext(heard)).tenant_id == EVERY_TENANT
    await heard.aclose()


async def test_b70_an_announcement_that_names_no_tenant_means_every_tenant(redis, listening):
    heard = await listening()

    blocking().xadd(keys.announcements(), {"alien": "field"})

    await eventually(lambda: heard[1:] == [EVERY_TENANT])


async def test_f9_who_announces_is_told_when_redis_hangs(own_server):
    with own_server.frozen(), pytest.raises(StoreUnavailable):
        announce("acme")
