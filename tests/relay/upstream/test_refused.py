import msgspec
import pytest
from floodgate_simulator.faults.fault import Fault

from relay.protocol.denials import Denied
from relay.store.pool import StoreUnavailable, on_loop
from relay.store.refusals import read_refusals
from relay.upstream.dial import platform_link
from relay.upstream.refused import MOST_UNTOLD, RefusedCredentials
from tests.relay import records
from tests.relay.upstream.asking import with_credential
from tests.relay.upstream.linking import target

pytestmark = pytest.mark.asyncio


async def test_the_last_that_was_learned_of_a_credential_is_told(redis, redis_on_loop):
    credentials = RefusedCredentials()
    credentials.refused("one", "401")
    credentials.refused("other", "401")
    credentials.accepted("other")

    await credentials.tell(redis_on_loop)
    assert {one: refused.why for one, refused in read_refusals(["one", "other"]).items()} == {"one": "401"}

    credentials.accepted("one")
    await credentials.tell(redis_on_loop)
    assert read_refusals(["one"]) == {}


async def test_what_could_not_be_told_is_told_next_time(redis, redis_on_loop, settings):
    credentials, right = RefusedCredentials(), settings.REDIS_URL
    credentials.refused("one", "401")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    away = on_loop()
    with pytest.raises(StoreUnavailable):
        await credentials.tell(away)
    await away.aclose()

    settings.REDIS_URL = right
    await credentials.tell(redis_on_loop)

    assert read_refusals(["one"])["one"].why == "401"


async def test_while_nobody_can_be_told_so_many_are_kept_and_no_more(redis, redis_on_loop):
    credentials = RefusedCredentials()
    for number in range(MOST_UNTOLD + 1):
        credentials.refused(str(number), "401")

    await credentials.tell(redis_on_loop)

    assert len(read_refusals(map(str, range(MOST_UNTOLD + 1)))) == MOST_UNTOLD


async def test_a_credential_that_a_platform_refuses_is_told_and_one_that_it_accepts_is_not(
    tokens, genesys, redis, redis_on_loop
):
    bad = msgspec.structs.replace(with_credential(genesys, client_secret="wrong").credentials[0], id="bad")
    [good] = genesys.credentials
    channel = records.channel(msgspec.structs.replace(genesys, credentials=(bad, good)))

    with pytest.raises(Denied):
        await platform_link(tokens, channel, "bad", target(""), 0)
    tokens.refused.refused(good.id, "before")
    (await platform_link(tokens, channel, good.id, target(""), 0)).close()
    await tokens.refused.tell(redis_on_loop)

    [(credential_id, refused)] = read_refusals(["bad", good.id]).items()
    assert (credential_id, refused.why) == ("bad", "the token endpoint answered 401 invalid_client")


async def test_a_credential_that_opens_sockets_again_is_refused_no_longer_although_its_token_is_the_former_one(
    tokens, genesys, simulator, redis, redis_on_loop
):
    [good] = genesys.credentials
    channel = records.channel(genesys)
    simulator.simulation.order(Fault(kind="status", target="handshake", status=403, count=2))
    with pytest.raises(Denied):
        await platform_link(tokens, channel, good.id, target(""), 0)
    await tokens.refused.tell(redis_on_loop)
    assert read_refusals([good.id])

    (await platform_link(tokens, channel, good.id, target(""), 0)).close()
    await tokens.refused.tell(redis_on_loop)

    assert read_refusals([good.id]) == {}
