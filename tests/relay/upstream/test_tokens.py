import asyncio
import gzip
import time

import msgspec
import pytest
from cryptography.fernet import Fernet
from floodgate_simulator.access.credentials import Credential

from relay.platforms.answers import Refusal
from relay.upstream.tokens import TokenUnavailable
from tests.relay import records
from tests.relay.eventually import eventually, turns
from tests.relay.upstream.asking import ANSWERS_THAT_ARE_NONE, OK, asked, order, refusal_of, with_credential

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


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (400, Refusal.CREDENTIAL),
        (401, Refusal.CREDENTIAL),
        (403, Refusal.CREDENTIAL),
        (429, Refusal.THROTTLED),
        (503, Refusal.UNAVAILABLE),
        (204, Refusal.OTHER),
        (302, Refusal.OTHER),
        (404, Refusal.OTHER),
        (500, Refusal.OTHER),
    ],
)
async def test_a_refusal_is_sorted_by_its_status_and_names_it(tokens, genesys, simulator, status, refusal):
    order(simulator, status=status, headers={"Location": f"{simulator.url}/oauth/token"})

    error = await refusal_of(tokens, genesys)

    assert error.refusal is refusal
    assert f"the token endpoint answered {status}" in str(error)
    assert asked(simulator) == {str(status): 1}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ("<html>Bad gateway</html>", "not JSON"),
        ([], "no access_token"),
        ({"access_token": "abc", "expires_in": 0}, "expires_in is '0'"),
        ({"access_token": "abc", "expires_in": -1}, "expires_in is '-1'"),
        ({"access_token": "a\r\nb", "expires_in": 600}, "no header can carry"),
        ("x" * (1024 * 1024 + 1), "longer than 1048576 bytes"),
    ],
    ids=["HTML", "array", "ended", "negative", "two lines", "huge"],
)
async def test_f34_an_answer_that_is_no_token_is_refused(tokens, genesys, simulator, body, refusal):
    order(simulator, status=200, body=body)

    error = await refusal_of(tokens, genesys)

    assert error.refusal is Refusal.OTHER
    assert refusal in str(error)


async def test_f34_a_token_that_does_not_say_when_it_ends_is_used(tokens, genesys, simulator):
    order(simulator, status=200, body={"access_token": "abc"})

    assert await tokens.token_for(genesys) == "abc"


@pytest.mark.parametrize("pieces", ANSWERS_THAT_ARE_NONE.values(), ids=ANSWERS_THAT_ARE_NONE)
async def test_b66_an_answer_that_is_none_makes_the_platform_unavailable(tokens, endpoint_of, pieces):
    endpoint = await endpoint_of(*pieces)

    error = await refusal_of(tokens, records.platform_connection("", token_url=endpoint.url))

    assert error.refusal is Refusal.UNAVAILABLE
    assert len(endpoint.requests) == 1


async def test_b66_a_small_answer_that_unpacks_to_a_huge_one_is_refused(tokens, endpoint_of):
    bomb = gzip.compress(b" " * 50 * 1024 * 1024)
    endpoint = await endpoint_of(OK, f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode(), bomb)

    error = await refusal_of(tokens, records.platform_connection("", token_url=endpoint.url))

    assert error.refusal in (Refusal.OTHER, Refusal.UNAVAILABLE)


@pytest.mark.parametrize("pieces", [[b""], [b"x"] * 1000], ids=["silent", "a byte at a time"])
async def test_b66_an_answer_that_takes_too_long_is_not_waited_for(tokens, endpoint_of, monkeypatch, pieces):
    monkeypatch.setattr("relay.upstream.tokens.REQUEST_SECONDS", 0.1)  # 10 s
    endpoint = await endpoint_of(OK, b"Content-Length: 1000\r\n\r\n", *pieces, closes=False)

    error = await refusal_of(tokens, records.platform_connection("", token_url=endpoint.url))

    assert (error.refusal, str(error)) == (Refusal.UNAVAILABLE, "no answer within 0.1 s")


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://nowhere.invalid", "http://", "no address", ""])
async def test_f29_an_address_at_which_nobody_is_makes_the_platform_unavailable(tokens, address):
    error = await refusal_of(tokens, records.platform_connection("", token_url=address))

    assert error.refusal is Refusal.UNAVAILABLE


@pytest.mark.parametrize(
    "discovery", [b"", b"<html>", b"[]", b'{"token_endpoint": "/auth/token"}', b"[" * 100_000], ids=repr
)
async def test_a_discovery_document_without_a_token_endpoint_is_refused(tokens, cxone, endpoint_of, discovery):
    endpoint = await endpoint_of(OK, f"Content-Length: {len(discovery)}\r\n\r\n".encode(), discovery)

    error = await refusal_of(tokens, msgspec.structs.replace(cxone, token_url=endpoint.url))

    assert error.refusal is Refusal.OTHER
    assert "discovery document" in str(error)


async def test_a_credential_that_lacks_a_part_asks_nobody(tokens, cxone, simulator):
    error = await refusal_of(tokens, with_credential(cxone))

    assert error.refusal is Refusal.CREDENTIAL
    assert str(error) == "the platform connection's credential lacks access_key_id"
    assert asked(simulator) == {}


@pytest.mark.parametrize("encrypted", ["", "damaged", Fernet(Fernet.generate_key()).encrypt(b"{}").decode()])
async def test_a_credential_that_no_key_opens_asks_nobody(tokens, genesys, simulator, encrypted):
    error = await refusal_of(tokens, msgspec.structs.replace(genesys, encrypted_credential=encrypted))

    assert error.refusal is Refusal.OTHER
    assert "FLOODGATE_CREDENTIAL_KEYS" in str(error)
    assert asked(simulator) == {}


@pytest.mark.parametrize("body", [{"error": "invalid_client", "error_description": "canary is wrong"}, "canary"])
async def test_s9_a_refusal_never_shows_what_was_sent_or_said(tokens, genesys, simulator, caplog, body):
    caplog.set_level("DEBUG")
    order(simulator, status=401, body=body)

    error = await refusal_of(tokens, with_credential(genesys, client_secret="canary"))

    assert "canary" not in f"{error!r} {error.__cause__!r} {tokens!r} {caplog.text}"
