import pytest

from relay.store.refusals import Refused, read_refusals, tell_accepted, tell_refused

pytestmark = pytest.mark.asyncio
REFUSED = Refused(1_764_590_000.0, "the token endpoint answered 401 invalid_client")


async def test_a_refusal_is_read_until_the_credential_is_accepted(redis, redis_on_loop):
    await tell_refused(redis_on_loop, "one", REFUSED)
    await tell_refused(redis_on_loop, "another", REFUSED)
    assert read_refusals(["one", "two"]) == {"one": REFUSED}

    await tell_accepted(redis_on_loop, "one")

    assert read_refusals(["one", "two"]) == {}


async def test_of_no_credentials_nothing_is_asked():
    assert read_refusals([]) == {}
