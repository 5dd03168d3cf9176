import asyncio
import time
from uuid import uuid4

import pytest
import pytest_asyncio

from relay.store import keys
from relay.store.pool import StoreUnavailable, blocking
from relay.store.revocations import KEPT_BEYOND_END_SECONDS, list_revoked_tokens, load_revoked_tokens
from tests.relay.eventually import eventually

TENANT = str(uuid4())


@pytest_asyncio.fixture
async def revoked(redis, redis_on_loop):
    """Reads which tokens of a tenant are revoked."""

    async def revoked(tenant_id=TENANT):
        return await load_revoked_tokens(redis_on_loop, tenant_id)

    return revoked


def ends_in(seconds):
    return time.time() + seconds


def forgotten_in(seconds):
    """An end after which a token is forgotten so soon."""
    return ends_in(seconds - KEPT_BEYOND_END_SECONDS)


def life_of_the_list():
    """For how long Redis still keeps the tenant's list, in seconds; -2 is not at all."""
    return blocking().ttl(keys.revoked_tokens(TENANT))


@pytest.mark.asyncio
async def test_a_revoked_token_stands_on_the_list(revoked):
    list_revoked_tokens(TENANT, {"first": ends_in(600)})
    list_revoked_tokens(TENANT, {"second": ends_in(600)})

    assert await revoked() == {"first", "second"}


@pytest.mark.asyncio
async def test_a_tenant_that_revoked_nothing_has_an_empty_list(revoked):
    assert await revoked() == frozenset()


@pytest.mark.asyncio
async def test_s1_a_token_is_revoked_in_its_own_tenant_only(revoked):
    elsewhere = str(uuid4())

    list_revoked_tokens(TENANT, {"first": ends_in(600)})

    assert await revoked(elsewhere) == frozenset()


@pytest.mark.asyncio
async def test_what_is_listed_stays_when_others_are_added(revoked):
    list_revoked_tokens(TENANT, {"first": ends_in(600)})
    list_revoked_tokens(TENANT, {"second": ends_in(60), "third": ends_in(600)})
    list_revoked_tokens(TENANT, {})

    assert await revoked() == {"first", "second", "third"}


@pytest.mark.asyncio
async def test_a_token_that_is_revoked_twice_stands_there_once(revoked):
    list_revoked_tokens(TENANT, {"first": ends_in(600)})
    list_revoked_tokens(TENANT, {"first": ends_in(600)})

    assert await revoked() == {"first"}


@pytest.mark.asyncio
async def test_a_revocation_outlives_its_token_for_as_long_as_relays_are_lenient(revoked):
    list_revoked_tokens(TENANT, {"just ended": ends_in(-5)})

    assert await revoked() == {"just ended"}


@pytest.mark.asyncio
async def test_a_revocation_ends_soon_after_its_token(revoked):
    list_revoked_tokens(TENANT, {"short": forgotten_in(0.2)})
    list_revoked_tokens(TENANT, {"long": ends_in(600)})
    assert "short" in await revoked()

    async with asyncio.timeout(10):
        while "short" in await revoked():
            pass

    assert await revoked() == {"long"}


def test_what_has_ended_is_forgotten_at_the_next_revocation(redis):
    key = keys.revoked_tokens(TENANT)
    blocking().zadd(key, {"ended": ends_in(-1)})

    list_revoked_tokens(TENANT, {"first": ends_in(600)})

    assert blocking().zrange(key, 0, -1) == ["first"]


def test_revoking_a_token_that_has_ended_leaves_nothing_behind(redis):
    list_revoked_tokens(TENANT, {"ended": ends_in(-600)})

    assert not blocking().exists(keys.revoked_tokens(TENANT))


@pytest.mark.parametrize("lives_seconds", [(600, 60), (60, 600)], ids=["shorter later", "longer later"])
def test_the_list_lives_as_long_as_the_last_of_its_tokens(redis, lives_seconds):
    for number, seconds in enumerate(lives_seconds):
        list_revoked_tokens(TENANT, {str(number): ends_in(seconds)})

    assert 590 <= life_of_the_list() - KEPT_BEYOND_END_SECONDS <= 601


@pytest.mark.asyncio
async def test_the_list_itself_ends_when_nobody_revokes_again(redis):
    list_revoked_tokens(TENANT, {"short": forgotten_in(0.2)})
    assert life_of_the_list() >= 0

    await eventually(lambda: life_of_the_list() == -2)


@pytest.mark.asyncio
async def test_f9_nothing_is_revoked_and_nobody_is_told_otherwise_while_redis_hangs(own_server, redis_on_loop):
    with own_server.frozen():
        with pytest.raises(StoreUnavailable):
            list_revoked_tokens(TENANT, {"first": ends_in(600)})
        with pytest.raises(StoreUnavailable):
            await load_revoked_tokens(redis_on_loop, TENANT)


def test_f13_when_redis_is_full_a_revocation_is_refused_and_not_half_done(own_server):
    blocking().config_set("maxmemory", "1")

    with pytest.raises(StoreUnavailable):
        list_revoked_tokens(TENANT, {"first": ends_in(600)})

    assert not blocking().exists(keys.revoked_tokens(TENANT))


@pytest.mark.asyncio
async def test_b3_what_is_no_text_hides_no_revoked_token(revoked):
    list_revoked_tokens(TENANT, {"token": ends_in(60)})
    blocking().zadd(keys.revoked_tokens(TENANT), {b"\xff\xfe": ends_in(60)})

    assert "token" in await revoked()
