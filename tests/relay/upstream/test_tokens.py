import asyncio
import time

import msgspec
import pytest
from floodgate_simulator.access.credentials import Credential

from relay.platforms.answers import Refusal
from relay.upstream.token_requests import TokenUnavailable
from tests.relay.eventually import eventually, turns
from tests.relay.upstream.asking import asked, order, refusal_of, with_credential

pytestmark = pytest.mark.asyncio
DEMO = {"client_id": "demo-genesys", "client_secret": "demo-genesys-secret"}
RENEWED = {"client_id": "renewed", "client_secret": "renewed-secret"}


async def test_genesys_gives_a_token_for_client_credentials(tokens, genesys, simulator):
    token = await tokens.token_for(genesys)

    assert simulator.simulation.tokens.find("genesys", token).is_live(time.time())


async def test_cxone_gives_a_token_for_an_access_key_where_its_discovery_leads(tokens, cxone, simulator):
    token = await tokens.token_for(cxone)

    assert simulator.simulation.tokens.find("cxone", token).credential.client_id == "demo-cxone"


async def test_a_token_is_asked_for_once_and_kept(tokens, genesys, simulator):
    first = await tokens.token_for(genesys)

    assert [await tokens.token_for(genesys) for _ in range(20)] == [first] * 20
    assert asked(simulator) == {"200": 1}


async def test_f34_a_token_is_asked_for_anew_while_the_former_still_lives(tokens, genesys, simulator):
    simulator.simulation.know(Credential(platform="genesys", **DEMO, token_life_seconds=2))
    first = await tokens.token_for(genesys)

    async with asyncio.timeout(10):
        while await tokens.token_for(genesys) == first:
            await turns(0.02)

    assert simulator.simulation.tokens.find("genesys", first).is_live(time.time())
    assert asked(simulator) == {"200": 2}


async def test_f33_one_request_serves_all_handshakes_that_wait_for_it(tokens, genesys, simulator):
    hang = order(simulator, "hang")
    waiting = [asyncio.create_task(tokens.token_for(genesys)) for _ in range(50)]
    await eventually(lambda: hang.struck)

    simulator.simulation.faults.remove(hang.id)

    assert len(set(await asyncio.gather(*waiting))) == 1
    assert asked(simulator) == {"200": 1}


async def test_one_refusal_serves_all_handshakes_that_wait_for_it(tokens, genesys, simulator):
    order(simulator, status=500)

    refusals = await asyncio.gather(*(tokens.token_for(genesys) for _ in range(50)), return_exceptions=True)

    assert {type(refusal) for refusal in refusals} == {TokenUnavailable}
    assert asked(simulator) == {"500": 1}


async def test_a_handshake_that_leaves_takes_the_token_from_nobody(tokens, genesys, simulator):
    hang = order(simulator, "hang")
    leaver, stayer = (asyncio.create_task(tokens.token_for(genesys)) for _ in range(2))
    await eventually(lambda: hang.struck)

    leaver.cancel()
    simulator.simulation.faults.remove(hang.id)

    assert await stayer == await tokens.token_for(genesys)
    assert asked(simulator) == {"200": 1}


async def test_a_token_that_nobody_waits_for_any_more_is_kept_all_the_same(tokens, genesys, simulator):
    hang = order(simulator, "hang")
    leaver = asyncio.create_task(tokens.token_for(genesys))
    await eventually(lambda: hang.struck)
    leaver.cancel()
    simulator.simulation.faults.remove(hang.id)
    await eventually(lambda: asked(simulator) == {"200": 1})

    await tokens.token_for(genesys)

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
            await asyncio.gather(tokens.token_for(genesys), return_exceptions=True)

    assert await tokens.token_for(genesys)


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
    first = await tokens.token_for(genesys)

    second = await tokens.token_for(with_credential(genesys, **RENEWED))

    assert first != second
    assert simulator.simulation.tokens.find("genesys", second).credential.client_id == "renewed"


async def test_a_changed_credential_asks_at_once_after_a_refusal(tokens, genesys, simulator):
    await refusal_of(tokens, with_credential(genesys, client_secret="wrong"))

    assert await tokens.token_for(genesys)
    assert asked(simulator) == {"401": 1, "200": 1}


async def test_only_the_present_token_can_be_forgotten(tokens, genesys, simulator):
    first = await tokens.token_for(genesys)
    tokens.forget(genesys, first)
    second = await tokens.token_for(genesys)

    tokens.forget(genesys, first)

    assert await tokens.token_for(genesys) == second
    assert asked(simulator) == {"200": 2}


async def test_closing_ends_the_requests_under_way(tokens, genesys, simulator):
    hang = order(simulator, "hang")
    waiting = asyncio.create_task(tokens.token_for(genesys))
    await eventually(lambda: hang.struck)

    await tokens.aclose()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    await eventually(lambda: asked(simulator) == {"left": 1})


async def test_f34_while_a_new_token_cannot_be_had_the_former_serves_until_its_end(tokens, genesys, simulator):
    simulator.simulation.know(Credential(platform="genesys", **DEMO, token_life_seconds=2))
    first = await tokens.token_for(genesys)
    order(simulator, status=503)

    async with asyncio.timeout(10):
        while asked(simulator) == {"200": 1}:
            assert await tokens.token_for(genesys) == first
            await turns(0.02)

    assert await tokens.token_for(genesys) == first


async def test_a_mended_address_asks_at_once_after_a_refusal(tokens, genesys, simulator):
    order(simulator, status=429, headers={"Retry-After": "3600"}, count=1)
    await refusal_of(tokens, genesys)

    assert await tokens.token_for(msgspec.structs.replace(genesys, token_url=genesys.token_url + "?again"))


async def test_a_changed_credential_does_not_share_the_request_of_the_former(tokens, genesys, simulator):
    hang = order(simulator, "hang", count=1)
    former = asyncio.create_task(refusal_of(tokens, with_credential(genesys, client_secret="wrong")))
    await eventually(lambda: hang.struck)

    assert await tokens.token_for(genesys)
    simulator.simulation.faults.remove(hang.id)
    await former
