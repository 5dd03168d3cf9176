"""Genesys' OAuth as the simulator does it: client credentials, errors, a token's life and end."""

import aiohttp
import pytest

from tests.sdk.simulator.caller import GENESYS_LOGIN, bearer, close_of

pytestmark = pytest.mark.asyncio
GRANT = {"grant_type": "client_credentials"}


@pytest.mark.parametrize("path", ["/oauth/token", "/genesys/oauth/token"])
async def test_client_credentials_in_the_header_get_a_bearer_token_for_a_day(caller, path):
    headers = {"Authorization": aiohttp.encode_basic_auth(*GENESYS_LOGIN)}

    response = await caller.post(path, data=GRANT, headers=headers)

    assert response.status == 200
    assert response.told.pop("access_token")
    assert response.told == {"token_type": "bearer", "expires_in": 86400}


async def test_client_credentials_in_the_body_are_as_good(caller):
    form = GRANT | {"client_id": GENESYS_LOGIN[0], "client_secret": GENESYS_LOGIN[1]}

    assert (await caller.post("/oauth/token", data=form)).status == 200


@pytest.mark.parametrize("body", ["{", "[]"])
async def test_a_json_body_that_is_no_object_has_no_fields(caller, body):
    response = await caller.post("/oauth/token", data=body, headers={"Content-Type": "application/json"})

    assert response.told["error"] == "invalid_request"


async def test_a_wrong_grant_is_400(caller):
    response = await caller.post("/oauth/token", data={"grant_type": "password"})

    assert response.status == 400
    assert response.told["error"] == "unsupported_grant_type"


async def test_a_missing_grant_is_400(caller):
    response = await caller.post("/oauth/token", data={})

    assert response.status == 400
    assert response.told["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("login", "description"),
    [
        (("nobody", "secret"), "client not found"),
        (("demo-genesys", "wrong"), "authentication failed"),
        (("demo-cxone", "demo-cxone-secret"), "client not found"),
    ],
)
async def test_unknown_and_false_credentials_are_401_in_genesys_words(caller, login, description):
    response = await caller.ask_token(login)

    assert response.status == 401
    assert response.told == {
        "error": "invalid_client",
        "description": description,
        "error_description": description,
    }


async def test_a_broken_basic_header_is_401(caller):
    response = await caller.post("/oauth/token", data=GRANT, headers={"Authorization": "Basic !!!"})

    assert response.status == 401


async def test_several_tokens_of_one_client_live_side_by_side(caller):
    first, second = await caller.token(), await caller.token()

    answers = [await caller.get("/api/v2/tokens/me", headers=bearer(token)) for token in (first, second)]

    assert first != second
    assert [answer.status for answer in answers] == [200, 200]


async def test_a_token_knows_its_client(caller):
    response = await caller.get("/api/v2/tokens/me", headers=bearer(await caller.token()))

    assert response.told["OAuthClient"]["id"] == "demo-genesys"


async def test_head_only_tells_that_a_token_is_valid(caller):
    response = await caller.call("HEAD", "/api/v2/tokens/me", headers=bearer(await caller.token()))

    assert response.status == 200


async def test_a_missing_token_is_401_authentication_required(caller):
    response = await caller.get("/api/v2/tokens/me")

    assert (response.status, response.told["code"]) == (401, "authentication.required")


async def test_an_unknown_token_is_401_with_genesys_whole_error_body(caller):
    response = await caller.get("/api/v2/tokens/me", headers=bearer("stolen"))

    assert response.headers["ININ-Correlation-Id"] == response.told.pop("contextId")
    assert response.told == {
        "message": "Invalid login credentials.",
        "code": "bad.credentials",
        "status": 401,
        "details": [],
        "errors": [],
    }


async def test_a_deleted_token_opens_nothing_and_its_socket_closes_but_no_other(caller):
    token, other = await caller.token(), await caller.token()
    socket, other_socket = await caller.socket(token=token), await caller.socket(token=other)

    deleted = await caller.call("DELETE", "/api/v2/tokens/me", headers=bearer(token))

    assert deleted.status == 204
    assert await close_of(socket) == (1008, "token revoked")
    assert (await caller.get("/api/v2/tokens/me", headers=bearer(token))).status == 401
    assert other_socket.close_code is None


async def test_an_expired_token_is_401(caller):
    login = ("short", "secret")
    fields = {"platform": "genesys", "client_id": "short", "client_secret": "secret", "token_life_seconds": 0}
    await caller.post("/control/credentials", json=fields)

    response = await caller.ask_token(login)

    assert response.told["expires_in"] == 0
    assert (await caller.refusal(token=response.told["access_token"])).status_code == 401


async def test_an_unknown_path_of_the_api_is_404_in_genesys_form(caller):
    response = await caller.get("/api/v2/nothing", headers=bearer(await caller.token()))

    assert (response.status, response.told["code"]) == (404, "not.found")


async def test_a_seed_makes_tokens_repeatable(caller_of):
    assert await (await caller_of(seed=7)).token() == await (await caller_of(seed=7)).token()
