"""CXone's discovery and OAuth as the simulator does them."""

import base64
import json
from urllib.parse import quote

import aiohttp
import pytest

from tests.sdk.simulator.caller import ACCESS_KEY, CXONE_LOGIN, bearer

pytestmark = pytest.mark.asyncio


def claims_of(token):
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))


async def ask_token(caller, form, path="/auth/token", login=CXONE_LOGIN):
    return await caller.post(path, data=form, headers={"Authorization": aiohttp.encode_basic_auth(*login)})


@pytest.mark.parametrize("prefix", ["", "/cxone"])
async def test_discovery_leads_to_a_token(caller, prefix):
    openid = (await caller.get(f"{prefix}/.well-known/openid-configuration")).told
    issuer = caller.simulator.url + prefix

    assert (openid["issuer"], openid["token_endpoint"]) == (issuer, f"{issuer}/auth/token")
    assert (await ask_token(caller, ACCESS_KEY, f"{prefix}/auth/token")).status == 200


async def test_discovery_uses_the_host_that_the_client_used(caller):
    openid = await caller.get("/.well-known/openid-configuration", headers={"Host": "cxone.example"})

    assert openid.told["issuer"] == "http://cxone.example"


async def test_the_second_discovery_tells_where_a_tenant_s_api_is(caller):
    configuration = (await caller.get("/cxone/.well-known/cxone-configuration?tenantId=t-1")).told

    assert configuration["api_endpoint"] == f"{caller.simulator.url}/cxone"
    assert configuration["tenantId"] == "t-1"
    assert configuration.keys() >= {"auth_endpoint", "ui_endpoint", "area", "cluster", "domain", "acdDomain", "private"}


async def test_the_second_discovery_needs_a_tenant(caller):
    assert (await caller.get("/.well-known/cxone-configuration")).status == 400


async def test_an_access_key_gets_tokens_for_an_hour(caller):
    response = await ask_token(caller, ACCESS_KEY)

    assert response.status == 200
    assert response.told.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "id_token"}
    assert response.told["expires_in"] == 3600


async def test_the_tokens_are_well_formed_and_tell_tenant_and_life(caller):
    told = (await ask_token(caller, ACCESS_KEY)).told

    for token in (told["access_token"], told["id_token"]):
        claims = claims_of(token)
        assert claims["exp"] - claims["iat"] == 3600
        assert claims["tenantId"] == "11ee-simulated-tenant"


async def test_client_credentials_in_the_body_are_as_good(caller):
    form = ACCESS_KEY | {"client_id": CXONE_LOGIN[0], "client_secret": CXONE_LOGIN[1]}

    assert (await caller.post("/cxone/auth/token", data=form)).status == 200


async def test_id_and_secret_in_the_header_are_url_encoded_first(caller):
    login = ("app@vendor", "s/e=c+r%t")
    fields = {"platform": "cxone", "client_id": login[0], "client_secret": login[1], "access_key_id": "key="}
    await caller.post("/control/credentials", json=fields | {"access_key_secret": "k"})
    form = {"grant_type": "password", "username": "key=", "password": "k"}

    response = await ask_token(caller, form, login=[quote(part, safe="") for part in login])

    assert response.status == 200


async def test_a_refresh_token_gets_new_tokens(caller):
    refresh_token = (await ask_token(caller, ACCESS_KEY)).told["refresh_token"]

    response = await ask_token(caller, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    assert response.status == 200


@pytest.mark.parametrize(
    ("form", "login", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, CXONE_LOGIN, 400, "unsupported_grant_type"),
        (ACCESS_KEY | {"password": "false"}, CXONE_LOGIN, 400, "invalid_grant"),
        (ACCESS_KEY | {"username": ""}, CXONE_LOGIN, 400, "invalid_grant"),
        (ACCESS_KEY, ("demo-cxone", "wrong"), 401, "invalid_client"),
        (ACCESS_KEY, ("demo-genesys", "demo-genesys-secret"), 401, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "stolen"}, CXONE_LOGIN, 400, "invalid_grant"),
    ],
)
async def test_what_is_wrong_with_a_token_request_is_told_in_oauth_s_words(caller, form, login, status, error):
    response = await ask_token(caller, form, login=login)

    assert (response.status, response.told["error"]) == (status, error)


async def test_the_older_call_needs_only_the_access_key(caller):
    key = {"accessKeyId": "demo-access-key", "accessKeySecret": "demo-access-secret"}

    response = await caller.post("/authentication/v1/token/access-key", json=key)

    assert response.status == 200
    assert response.told["access_token"]


async def test_the_older_call_refuses_a_false_access_key(caller):
    key = {"accessKeyId": "demo-access-key", "accessKeySecret": "false"}

    assert (await caller.post("/cxone/authentication/v1/token/access-key", json=key)).status == 401


async def test_a_token_of_one_platform_opens_nothing_on_the_other(caller):
    genesys, cxone = await caller.token(), await caller.cxone_token()

    assert (await caller.refusal("/realtime/t-1/orders", genesys)).status_code == 401
    assert (await caller.refusal("/v2/websocket/orders", cxone)).status_code == 401


async def test_an_unknown_token_is_401_in_cxone_s_form(caller):
    response = await caller.get("/incontactapi/services/v31.0/agents", headers=bearer("stolen"))

    assert (response.status, response.told["error"]) == (401, "invalid_token")


@pytest.mark.parametrize("path", ["/incontactapi/services/v31.0/agents", "/cxone/dfo/3.0/contacts"])
async def test_an_unknown_path_of_the_api_is_404_in_cxone_s_form(caller, path):
    response = await caller.get(path, headers=bearer(await caller.cxone_token()))

    assert (response.status, response.told["error"]["errorCode"]) == (404, "NotFound")
