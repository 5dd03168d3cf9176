"""Faults on what is asked over HTTP: token requests, handshakes, REST. Every kind on every target it fits."""

import asyncio
import json

import aiohttp
import pytest
import websockets

from tests.sdk.simulator.caller import CXONE_LOGIN, bearer, close_of

pytestmark = pytest.mark.asyncio
API = "/api/v2/tokens/me"


async def ask(caller, target, token=None):
    """The status that a request of this target gets: 200 or 101 when all is well."""
    if target == "token":
        return (await caller.ask_token()).status
    if target == "api":
        return (await caller.get(API, headers=bearer(token or await caller.token()))).status
    try:
        await caller.socket(token=token)
    except websockets.InvalidStatus as refused:
        return refused.response.status_code
    return 101


WELL = {"token": 200, "api": 200, "handshake": 101}
every_target = pytest.mark.parametrize("target", list(WELL))


@every_target
async def test_a_status_answers_every_request_until_it_is_deleted(caller, target):
    token = await caller.token()
    fault = await caller.order("status", target, status=503)

    refused = [await ask(caller, target, token) for _ in range(3)]
    await caller.call("DELETE", fault)

    assert refused == [503, 503, 503]
    assert await ask(caller, target, token) == WELL[target]


@every_target
async def test_a_status_with_a_count_answers_only_the_next_ones(caller, target):
    token = await caller.token()
    await caller.order("status", target, status=429, count=2)

    assert [await ask(caller, target, token) for _ in range(3)] == [429, 429, WELL[target]]


@every_target
async def test_a_status_that_has_expired_answers_nothing(caller, target):
    token = await caller.token()
    await caller.order("status", target, status=503, seconds=0)

    assert await ask(caller, target, token) == WELL[target]


async def test_a_status_brings_the_headers_and_the_body_that_were_ordered(caller):
    headers = {"Retry-After": "Wed, 25 Nov 2026 09:00:00 GMT", "X-Node": "7"}
    await caller.order("status", "token", status=503, headers=headers, body={"why": ["tired"]})

    response = await caller.ask_token()

    assert response.told == {"why": ["tired"]}
    assert headers.items() <= response.headers.items()


async def test_a_body_may_be_any_text_of_any_type(caller):
    await caller.order("status", "api", status=502, headers={"Content-Type": "text/html"}, body="<h1>Bad gateway</h1>")

    response = await caller.get(API)

    assert (response.status, response.content_type, response.told) == (502, "text/html", "<h1>Bad gateway</h1>")


async def test_a_429_without_a_body_has_genesys_form(caller):
    await caller.order("status", "handshake", status=429)

    refusal = await caller.refusal()
    body = json.loads(refusal.body)

    assert refusal.headers["Retry-After"] == "1"
    assert (body["code"], body["status"]) == ("too.many.requests.retry.after", 429)
    assert body["message"] == "Rate limit exceeded the maximum. Retry the request in [1] seconds"


async def test_a_429_without_a_body_has_cxone_s_form(caller):
    await caller.order("status", "handshake", status=429)

    refusal = await caller.refusal("/realtime/t-1/orders", await caller.cxone_token())

    assert json.loads(refusal.body) == {
        "error": {"errorCode": "TooManyRequests", "errorMessage": "Too many requests"},
    }


async def test_any_other_status_without_a_body_has_the_platform_s_form(caller):
    await caller.order("status", "api", status=418)

    assert (await caller.get(API)).told["status"] == 418
    assert (await caller.get("/dfo/3.0/contacts")).told == {
        "error": {"errorCode": "Error418", "errorMessage": "Error 418"},
    }


@every_target
async def test_a_refusal_cuts_the_connection_without_an_answer(caller, target):
    token = await caller.token()
    fault = await caller.order("refuse", target)

    with pytest.raises((aiohttp.ClientConnectionError, websockets.InvalidHandshake, OSError)):
        await ask(caller, target, token)
    await caller.call("DELETE", fault)

    assert await ask(caller, target, token) == WELL[target]


@every_target
async def test_a_hanging_request_is_answered_when_the_fault_is_deleted(caller, target):
    token = await caller.token()
    fault = await caller.order("hang", target)

    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(ask(caller, target, token))
        await caller.until_struck(fault)
        was_answered = asked.done()
        await caller.call("DELETE", fault)

    assert not was_answered
    assert asked.result() == WELL[target]


@every_target
async def test_a_request_hangs_only_for_the_seconds_that_were_ordered(caller, target):
    token = await caller.token()
    fault = await caller.order("hang", target, seconds=0.01)

    assert await ask(caller, target, token) == WELL[target]
    assert (await caller.get(fault)).told["struck"] == 1


async def test_a_client_that_does_not_wait_for_a_hanging_handshake_is_counted(caller):
    token = await caller.token()
    fault = await caller.order("hang", "handshake")
    asking = asyncio.create_task(caller.socket(token=token))
    await caller.until_struck(fault)

    asking.cancel()

    stats = await caller.stats_when(lambda stats: stats["handshakes"])
    assert stats["handshakes"] == {"left": 1}


@pytest.mark.parametrize(("target", "status"), [("token", 200), ("api", 401), ("handshake", 401)])
async def test_a_revocation_may_wait_for_the_next_request(caller, target, status):
    token = await caller.token()
    socket = await caller.socket(token=token)
    await caller.order("revoke", target)

    assert socket.close_code is None
    assert await ask(caller, target, token) == status
    assert await close_of(socket) == (1008, "token revoked")
    assert await ask(caller, "api", token) == 401


async def test_a_revocation_strikes_once_and_new_tokens_are_good(caller):
    await caller.order("revoke", "api")

    assert await ask(caller, "api") == 401
    assert await ask(caller, "api") == 200


async def test_a_fault_with_a_credential_leaves_others_alone(caller):
    genesys, cxone = await caller.token(), await caller.cxone_token()
    for target in WELL:
        await caller.order("status", target, status=503, credential="demo-cxone")

    assert [await ask(caller, target, genesys) for target in WELL] == list(WELL.values())
    assert (await caller.refusal("/realtime/t-1/orders", cxone)).status_code == 503
    assert (await caller.get("/dfo/3.0/contacts", headers=bearer(cxone))).status == 503
    form = {"client_id": CXONE_LOGIN[0]}
    assert (await caller.post("/auth/token", data=form)).status == 503


async def test_every_outcome_is_counted(caller):
    await ask(caller, "token")
    await ask(caller, "api", "stolen")
    for target in WELL:
        await caller.order("status", target, status=503, count=1)
        await ask(caller, target, "stolen")
    await caller.order("refuse", "handshake", count=1)
    with pytest.raises((websockets.InvalidHandshake, OSError)):
        await ask(caller, "handshake", "stolen")
    await ask(caller, "handshake", "stolen")

    stats = await caller.stats()

    assert stats["token_requests"] == {"200": 1, "503": 1}
    assert stats["api_requests"] == {"401": 1, "503": 1}
    assert stats["handshakes"] == {"503": 1, "reset": 1, "401": 1}
    assert stats["connections"] == {"open": 0, "total": 0, "refused": 3}
