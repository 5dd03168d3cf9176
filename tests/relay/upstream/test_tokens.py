import asyncio
import time

import msgspec
import pytest
from floodgate_simulator.access.credentials import Credential

from relay.platforms.answers import Refusal
from relay.upstream.token_requests import TokenUnavailable
from tests.relay.eventually import eventually, turns
from tests.relay.upstream.asking import asked, order, refusal_of, source_of, with_credential

pytestmark = pytest.mark.asyncio
DEMO = {"client_id": "demo-genesys", "client_secret": "demo-genesys-secret"}
RENEWED = {"client_id": "renewed", "client_secret": "renewed-secret"}


async def test_genesys_gives_a_token_for_client_credentials(tokens, genesys, simulator):
    token = await tokens.token_for(source_of(genesys))

    assert simulator.simulation.tokens.find("genesys", token).is_live(time.time())


async def test_cxone_gives_a_token_for_an_access_key_where_its_discovery_leads(tokens, cxone, simulator):
    token = await tokens.token_for(source_of(cxone))

    assert simulator.simulation.tokens.find("cxone", token).credential.client_id == "demo-cxone"


async def test_a_token_is_asked_for_once_and_kept(tokens, genesys, simulator):
    first = await tokens.token_for(source_of(genesys))

    assert [await tokens.token_for(source_of(genesys)) for _ in range(20)] == [first] * 20
    assert asked(simulator) == {"200": 1}


@pytest.fixture
def clock(tokens):
    """The tokens' clock, set by hand."""
    clock = Clock()
    tokens.now = clock.read
    return clock


class Clock:
    """A monotonic clock that stands until it is moved."""

    seconds = 1000.0

    def read(self):
        return self.seconds


def numbered(account, number):
    """An account like another one, with a credential of its own."""
    return with_credential(msgspec.structs.replace(account, id=str(number)))


def is_asking():
    """Tell whether a request for a token is under way."""
    return any(task.get_name().startswith("platform token of") for task in asyncio.all_tasks())


async def renewing(tokens, genesys, clock, life_seconds=86_400):
    """The token of an account, in the last tenth of its life."""
    token = await tokens.token_for(source_of(genesys))
    clock.seconds += 0.9 * life_seconds
    return token


async def test_b11_handshakes_use_a_token_that_lives_and_do_not_wait_for_its_successor(
    tokens, genesys, simulator, clock
):
    token = await renewing(tokens, genesys, clock)
    hang = order(simulator, "hang")

    async with asyncio.timeout(5):
        assert [await tokens.token_for(source_of(genesys)) for _ in range(50)] == [token] * 50

    await eventually(lambda: hang.struck)
    simulator.simulation.faults.remove(hang.id)
    await eventually(lambda: asked(simulator) == {"200": 2})
    assert await tokens.token_for(source_of(genesys)) != token


async def test_b11_a_failed_renewal_is_repeated_after_growing_pauses_and_not_at_each_handshake(
    tokens, genesys, simulator, clock
):
    token = await renewing(tokens, genesys, clock)
    order(simulator, status=503)

    for tries in range(1, 5):
        assert await tokens.token_for(source_of(genesys)) == token
        await eventually(lambda tries=tries: asked(simulator).get("503") == tries and not is_asking())
        assert [await tokens.token_for(source_of(genesys)) for _ in range(20)] == [token] * 20
        clock.seconds += 0.99 * 2 ** (tries - 1)
        assert await tokens.token_for(source_of(genesys)) == token
        assert (asked(simulator)["503"], is_asking()) == (tries, False)
        clock.seconds += 0.52 * 2 ** (tries - 1)


async def test_b11_a_renewal_waits_for_as_long_as_the_platform_says(tokens, genesys, simulator, clock):
    token = await renewing(tokens, genesys, clock)
    order(simulator, status=429, headers={"Retry-After": "600"})
    await tokens.token_for(source_of(genesys))
    await eventually(lambda: asked(simulator).get("429") == 1 and not is_asking())

    clock.seconds += 599

    assert await tokens.token_for(source_of(genesys)) == token
    assert not is_asking()


async def test_b11_a_token_that_was_never_renewed_serves_to_its_end_and_no_longer(tokens, genesys, simulator, clock):
    await renewing(tokens, genesys, clock)
    order(simulator, status=401)
    await tokens.token_for(source_of(genesys))
    await eventually(lambda: asked(simulator).get("401") == 1 and not is_asking())

    clock.seconds += 0.11 * 86_400

    assert (await refusal_of(tokens, genesys)).refusal is Refusal.CREDENTIAL


async def test_b11_processes_that_got_their_tokens_together_renew_them_apart(tokens, genesys, simulator, clock):
    accounts = [numbered(genesys, number) for number in range(20)]
    begun = []
    for part in (0, 0.69, 0.06, 0.06):  # of a life, from the last time on
        clock.seconds += part * 86_400
        for account in accounts:
            await tokens.token_for(source_of(account))
        await eventually(lambda: not is_asking())
        begun.append(asked(simulator)["200"])

    assert begun[:2] == [20, 20]
    assert 20 < begun[2] < 40
    assert begun[3] == 40


async def test_b11_what_is_kept_of_platform_connections_is_bounded(tokens, genesys, simulator):
    tokens.most = 3  # 4096
    accounts = [numbered(genesys, number) for number in range(5)]
    for account in accounts:
        await tokens.token_for(source_of(account))
        await tokens.token_for(source_of(accounts[0]))  # the one that is used stays
    assert asked(simulator) == {"200": 5}

    for number in (3, 4, 0):
        await tokens.token_for(source_of(accounts[number]))

    assert asked(simulator) == {"200": 5}
    await tokens.token_for(source_of(accounts[1]))
    assert asked(simulator) == {"200": 6}


async def test_b11_what_is_kept_of_refusals_is_bounded(tokens, genesys, simulator):
    tokens.most = 3  # 4096
    order(simulator, status=429, headers={"Retry-After": "3600"})
    accounts = [numbered(genesys, number) for number in range(5)]
    for account in (*accounts, accounts[4]):
        await refusal_of(tokens, account)
    assert asked(simulator) == {"429": 5}

    await refusal_of(tokens, accounts[0])

    assert asked(simulator) == {"429": 6}


async def test_f34_a_token_is_asked_for_anew_while_the_former_still_lives(tokens, genesys, simulator):
    simulator.simulation.know(Credential(platform="genesys", **DEMO, token_life_seconds=2))
    first = await tokens.token_for(source_of(genesys))

    async with asyncio.timeout(10):
        while await tokens.token_for(source_of(genesys)) == first:
            await turns(0.02)

    assert simulator.simulation.tokens.find("genesys", first).is_live(time.time())
    assert asked(simulator) == {"200": 2}


async def test_f33_one_request_serves_all_handshakes_that_wait_for_it(tokens, genesys, simulator):
    hang = order(simulator, "hang")
    waiting = [asyncio.create_task(tokens.token_for(source_of(genesys))) for _ in range(50)]
    await eventually(lambda: hang.struck)

    simulator.simulation.faults.remove(hang.id)

    assert len(set(await asyncio.gather(*waiting))) == 1
    assert asked(simulator) == {"200": 1}


async def test_one_refusal_serves_all_handshakes_that_wait_for_it(tokens, genesys, simulator):
    order(simulator, status=500)

    refusals = await asyncio.gather(*(tokens.token_for(source_of(genesys)) for _ in range(50)), return_exceptions=True)

    assert {type(refusal) for refusal in refusals} == {TokenUnavailable}
    assert asked(simulator) == {"500": 1}


async def test_a_handshake_that_leaves_takes_the_token_from_nobody(tokens, genesys, simulator):
    hang = order(simulator, "hang")
    leaver, stayer = (asyncio.create_task(tokens.token_for(source_of(genesys))) for _ in range(2))
    await eventually(lambda: hang.struck)

    leaver.cancel()
    simulator.simulation.faults.remove(hang.id)

    assert await stayer == await tokens.token_for(source_of(genesys))
    assert asked(simulator) == {"200": 1}


async def test_a_token_that_nobody_waits_for_any_more_is_kept_all_the_same(tokens, genesys, simulator):
    hang = order(simulator, "hang")
    leaver = asyncio.create_task(tokens.token_for(source_of(genesys)))
    await eventually(lambda: hang.struck)
    leaver.cancel()
    simulator.simulation.faults.remove(hang.id)
    await eventually(lambda: asked(simulator) == {"200": 1})

    await tokens.token_for(source_of(genesys))

    assert asked(simulator) == {"200": 1}


async def test_a_refused_request_is_not_repeated_at_once(tokens, genesys, simulator):
    order(simulator, status=500)

    first = await refusal_of(tokens, genesys)

    assert await refusal_of(tokens, genesys) is first
    assert asked(simulator) == {"500": 1}


async def test_a_refused_request_is_repeated_after_a_while(tokens, genesys, simulator):
    order(simulator, status=500, count=1)
    await refusal_of(tokens, genesys)

    async with asyncio.timeout(10):
        while asked(simulator) == {"500": 1}:
            await turns(0.05)
            await asyncio.gather(tokens.token_for(source_of(genesys)), return_exceptions=True)

    assert await tokens.token_for(source_of(genesys))


async def test_f31_a_platform_that_says_when_to_come_back_is_left_alone_until_then(tokens, genesys, simulator):
    order(simulator, status=429, headers={"Retry-After": "3"}, count=1)

    refusal = await refusal_of(tokens, genesys)
    await turns(1.2)
    again = await refusal_of(tokens, genesys)

    assert (refusal.refusal, refusal.retry_after_seconds) == (Refusal.THROTTLED, 3.0)
    assert again is refusal
    assert asked(simulator) == {"429": 1}


async def test_a_changed_credential_asks_at_once(tokens, genesys, simulator):
    simulator.simulation.know(Credential(platform="genesys", **RENEWED))
    first = await tokens.token_for(source_of(genesys))

    second = await tokens.token_for(source_of(with_credential(genesys, **RENEWED)))

    assert first != second
    assert simulator.simulation.tokens.find("genesys", second).credential.client_id == "renewed"


async def test_a_changed_credential_asks_at_once_after_a_refusal(tokens, genesys, simulator):
    await refusal_of(tokens, with_credential(genesys, client_secret="wrong"))

    assert await tokens.token_for(source_of(genesys))
    assert asked(simulator) == {"401": 1, "200": 1}


async def test_only_the_present_token_can_be_forgotten(tokens, genesys, simulator):
    first = await tokens.token_for(source_of(genesys))
    tokens.forget(source_of(genesys), first)
    second = await tokens.token_for(source_of(genesys))

    tokens.forget(source_of(genesys), first)

    assert await tokens.token_for(source_of(genesys)) == second
    assert asked(simulator) == {"200": 2}


async def test_closing_ends_the_requests_under_way(tokens, genesys, simulator):
    hang = order(simulator, "hang")
    waiting = asyncio.create_task(tokens.token_for(source_of(genesys)))
    await eventually(lambda: hang.struck)

    await tokens.aclose()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    await eventually(lambda: asked(simulator) == {"left": 1})


async def test_f34_while_a_new_token_cannot_be_had_the_former_serves_until_its_end(tokens, genesys, simulator):
    simulator.simulation.know(Credential(platform="genesys", **DEMO, token_life_seconds=2))
    first = await tokens.token_for(source_of(genesys))
    order(simulator, status=503)

    async with asyncio.timeout(10):
        while asked(simulator) == {"200": 1}:
            assert await tokens.token_for(source_of(genesys)) == first
            await turns(0.02)

    assert await tokens.token_for(source_of(genesys)) == first


async def test_a_mended_address_asks_at_once_after_a_refusal(tokens, genesys, simulator):
    order(simulator, status=429, headers={"Retry-After": "3600"}, count=1)
    await refusal_of(tokens, genesys)

    assert await tokens.token_for(source_of(msgspec.structs.replace(genesys, token_url=genesys.token_url + "?again")))


async def test_a_changed_credential_does_not_share_the_request_of_the_former(tokens, genesys, simulator):
    hang = order(simulator, "hang", count=1)
    former = asyncio.create_task(refusal_of(tokens, with_credential(genesys, client_secret="wrong")))
    await eventually(lambda: hang.struck)

    assert await tokens.token_for(source_of(genesys))
    simulator.simulation.faults.remove(hang.id)
    await former
