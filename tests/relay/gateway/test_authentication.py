import base64
import hmac
import json
import time
from contextlib import suppress
from urllib.parse import quote

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from controlplane.environment import public_key_of
from controlplane.generate_keys import new_signing_key
from relay.gateway.authentication import Handshake, TokenVerifier, bearer_token
from relay.protocol.denials import Denied
from tests.relay import records
from tests.relay.eventually import eventually

CLIENT = records.client(records.platform_connection("http://platform.example"), scopes=("chat:read", "chat:write"))
SIGNING_KEY = RSAKey.import_key(settings.SIGNING_KEY)
HEADER = {"alg": "RS256", "typ": "at+jwt", "kid": SIGNING_KEY.thumbprint()}
NOT_YET = "The access token does not count yet. Send it again later."
OTHER_KEY = new_signing_key()


@pytest.fixture(scope="module")
def verifier():
    return TokenVerifier(settings.VERIFICATION_KEYS, settings.WEB_URL)


def signed(header=HEADER, key=None, **claims):
    """A token whose every part can be wrong."""
    rsa = key or SIGNING_KEY
    return jwt.encode(header, records.claims_of(CLIENT, **claims), rsa, algorithms=[header["alg"]])


def without_claim(name):
    claims = records.claims_of(CLIENT)
    del claims[name]
    return jwt.encode(HEADER, claims, SIGNING_KEY)


def forged(alg, sign=lambda _: b""):
    """What no library would sign."""
    parts = (HEADER | {"alg": alg}, records.claims_of(CLIENT))
    signed_part = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return (signed_part + b"." + base64.urlsafe_b64encode(sign(signed_part)).rstrip(b"=")).decode()


def signed_with_public_key(text):
    return hmac.digest(settings.VERIFICATION_KEYS[0].encode(), text, "sha256")


def in_base64(text):
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def signed_text(claims):
    """A token of our own key whose claims are any text."""
    return jws.serialize_compact(HEADER, claims, SIGNING_KEY)


def signed_with_number(name, value):
    """A token that writes one of its times in JSON's own words, or in Python's that JSON does not have."""
    claims = json.dumps(records.claims_of(CLIENT) | {name: "canary"})
    return signed_text(claims.replace('"canary"', value))


def altered(part):
    parts = signed().split(".")
    parts[part] = parts[part][:-8] + "AAAAAAAA"
    return ".".join(parts)


def refusal(verifier, token):
    """The denial of a token, or none."""
    try:
        verifier.verify(token)
    except Denied as denied:
        return denied.denial
    return None


def scope_of(headers=(), query="", channel="echo", **kwargs):
    """An ASGI scope, as the router hands it on."""
    return {
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "query_string": query.encode("latin-1"),
        "client": ("192.0.2.7", 4711),
        "url_route": {"kwargs": {"channel": channel} | kwargs},
    }


def test_a_valid_token_says_whose_it_is(verifier):
    identity = verifier.verify(signed(jti="t1", iat=time.time() - 5))

    assert (identity.client_id, identity.tenant_id, identity.token_id) == (CLIENT.client_id, CLIENT.tenant_id, "t1")
    assert identity.scopes == {"chat:read", "chat:write"}


def test_a_token_without_scopes_has_none(verifier):
    assert verifier.verify(without_claim("scope")).scopes == frozenset()


def test_a_token_counts_for_some_seconds_after_its_end(verifier):
    assert verifier.verify(signed(exp=time.time() - 1)).client_id == CLIENT.client_id


def test_a_token_that_has_ended_is_refused_and_says_where_the_next_comes_from(verifier):
    denial = refusal(verifier, signed(exp=time.time() - 6))

    assert (denial.status, denial.code) == (401, "invalid_token")
    assert denial.detail == "The access token has ended. POST /oauth/token issues another."


@pytest.mark.asyncio
async def test_a_token_that_was_good_before_is_refused_once_it_has_ended(verifier):
    token = signed(exp=time.time() - 4)

    assert refusal(verifier, token) is None

    assert (await eventually(lambda: refusal(verifier, token))).code == "invalid_token"


def test_f53_a_token_from_a_clock_that_is_half_a_minute_ahead_counts(verifier):
    assert refusal(verifier, signed(iat=time.time() + 30)) is None


def test_a_token_counts_from_its_not_before_on_and_clocks_may_differ_by_seconds(verifier):
    assert refusal(verifier, signed(nbf=time.time() + 3)) is None
    assert refusal(verifier, signed(nbf=time.time() + 30)).detail == NOT_YET


@pytest.mark.asyncio
async def test_a_token_that_did_not_count_yet_counts_later(verifier):
    token = signed(nbf=time.time() + 5.5)
    assert refusal(verifier, token).detail == NOT_YET

    await eventually(lambda: refusal(verifier, token) is None)


def test_while_keys_change_tokens_of_the_former_and_of_the_next_key_count():
    keys = RSAKey.import_key(OTHER_KEY), SIGNING_KEY
    verifier = TokenVerifier([public_key_of(OTHER_KEY), *settings.VERIFICATION_KEYS], settings.WEB_URL)

    for key in keys:
        assert refusal(verifier, signed(HEADER | {"kid": key.thumbprint()}, key)) is None


def test_a_token_that_names_one_known_key_and_is_signed_with_another_is_refused():
    verifier = TokenVerifier([public_key_of(OTHER_KEY), *settings.VERIFICATION_KEYS], settings.WEB_URL)

    assert refusal(verifier, signed(key=RSAKey.import_key(OTHER_KEY))).code == "invalid_token"


def test_a_token_that_was_seen_is_refused_once_its_key_is_taken_away(verifier):
    token = signed()
    assert refusal(verifier, token) is None

    assert refusal(TokenVerifier([public_key_of(OTHER_KEY)], settings.WEB_URL), token).code == "invalid_token"


WRONG_TOKENS = (
    {
        "no_token_at_all": lambda: "canary",
        "two_parts": lambda: "e30.e30",
        "empty_parts": lambda: "..",
        "not_base64": lambda: "?.?.?",
        "another_key": lambda: signed(key=RSAKey.import_key(new_signing_key())),
        "another_issuer": lambda: signed(iss="https://evil.example"),
        "another_audience": lambda: signed(aud="somebody-else"),
        "another_type": lambda: signed(header=HEADER | {"typ": "JWT"}),
        "no_type": lambda: signed(header={"alg": "RS256", "kid": HEADER["kid"]}),
        "no_key_named": lambda: signed(header={"alg": "RS256", "typ": "at+jwt"}),
        "an_unknown_key_named": lambda: signed(header=HEADER | {"kid": "another"}),
        "another_rsa_algorithm": lambda: signed(header=HEADER | {"alg": "RS512"}),
        "alg_none": lambda: forged("none"),
        "public_key_as_secret": lambda: forged("HS256", signed_with_public_key),
        "signature_left_out": lambda: forged("RS256"),
        "altered_claims": lambda: altered(1),
        "altered_signature": lambda: altered(2),
        "issued_in_the_future": lambda: signed(iat=time.time() + 120),
        "claims_are_a_list": lambda: signed_text("[]"),
        "claims_are_no_json": lambda: signed_text("{"),
        "a_deep_header": lambda: in_base64('{"x":' * 20_000) + ".e30.e30",
        "a_header_that_is_a_list": lambda: in_base64("[]") + ".e30.e30",
        "a_client_id_that_is_a_number": lambda: signed(client_id=17),
    }
    | {
        f"{name}_is_{value[:8]}": (lambda name=name, value=value: signed_with_number(name, value))
        for name in ("iat", "exp", "nbf")
        for value in ("Infinity", "-Infinity", "NaN", "1e999", "1e300", "9" * 400, "-1", "true", '"17"', "null", "[]")
    }
    | {
        f"header_with_{more}": (lambda more=more: in_base64(json.dumps(HEADER)[:-1] + f", {more}}}") + ".e30.e30")
        for more in (
            *('"crit": 17', '"crit": null', '"crit": [17]', '"crit": [[]]', '"crit": ["b64"], "b64": false'),
            *('"alg": 17', '"alg": null', '"alg": ["RS256"]', '"jwk": {}', '"x5c": [17]', '"zip": "DEF"'),
        )
    }
    | {
        f"without_{name}": (lambda name=name: without_claim(name))
        for name in ("tenant", "client_id", "jti", "exp", "iat")
    }
)


@pytest.mark.parametrize("made", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_b2_a_wrong_token_is_refused_without_saying_what_is_wrong_with_it(verifier, made):
    denial = refusal(verifier, made())

    assert (denial.status, denial.code) == (401, "invalid_token")
    assert denial.detail == "This is no access token of this relay. POST /oauth/token issues one."
    assert 'error="invalid_token"' in dict(denial.headers)["www-authenticate"]


def test_b2_no_token_is_refused_without_an_error_attribute(verifier):
    denial = refusal(verifier, "")

    assert (denial.status, denial.code) == (401, "token_missing")
    assert dict(denial.headers)["www-authenticate"] == 'Bearer realm="floodgate"'


@given(token=st.text() | st.builds(".".join, st.lists(st.text("eyJhbGci-_=", min_size=1), min_size=3, max_size=3)))
def test_no_text_that_is_sent_as_a_token_does_more_than_be_refused(token):
    verifier = TokenVerifier(settings.VERIFICATION_KEYS, settings.WEB_URL)

    assert refusal(verifier, token).status == 401


@pytest.mark.parametrize("value", ["Bearer abc", "bearer abc", "BEARER  abc "])
def test_a_bearer_token_is_read_however_its_scheme_is_written(value):
    assert bearer_token(scope_of([("authorization", value)])) == "abc"


@pytest.mark.parametrize("values", [[], [""], ["abc"], ["Basic abc"], ["Bearer"], ["Bearer a", "Bearer b"]], ids=str)
def test_anything_else_than_one_bearer_token_is_none(values):
    assert bearer_token(scope_of([("authorization", value) for value in values])) == ""


def test_a_handshake_names_channel_tenant_and_address():
    handshake = Handshake.from_scope(scope_of(channel="orders", tenant="acme", query="mode=echo"))

    assert (handshake.channel, handshake.tenant_slug, handshake.address) == ("orders", "acme", "192.0.2.7")
    assert handshake.query == "mode=echo"


def test_a_path_without_a_tenant_leaves_it_empty():
    assert Handshake.from_scope(scope_of()).tenant_slug == ""


def test_offers_in_several_headers_are_one_list_without_tickets():
    names = ["ticket.canary, v2", " v1 ,ticket.", ""]

    handshake = Handshake.from_scope(scope_of([("sec-websocket-protocol", name) for name in names]))

    assert handshake.subprotocols == "v2, v1"


def test_headers_go_on_to_the_platform_as_the_list_and_the_administrator_say():
    headers = [("user-agent", "crm/2"), ("x-api-key", "canary"), ("x-shard", "7")]

    handshake = Handshake.from_scope(scope_of(headers), ("x-shard",))

    assert handshake.forwarded_headers == (("user-agent", "crm/2"), ("x-shard", "7"), ("via", "1.1 floodgate"))


@pytest.mark.parametrize("query", ["access_token=canary", "a=1&token=canary", "%74oken=canary", "token=a&token=b"])
def test_b4_a_token_in_the_url_is_refused_with_400(query):
    with pytest.raises(Denied) as refused:
        Handshake.from_scope(scope_of(query=query))

    assert (refused.value.denial.status, refused.value.denial.code) == (400, "token_in_url")
    assert b"canary" not in refused.value.denial.body()


@pytest.mark.parametrize("query", ["a#b", "a=é&b=%20+", "a=\x00"])
def test_a_query_goes_on_in_a_form_that_an_address_can_hold(query):
    handshake = Handshake.from_scope(scope_of(query=query))

    assert handshake.query == query.replace("#", "%23").replace("é", "%E9").replace("\x00", "%00")


def test_s9_a_handshake_that_is_logged_shows_neither_query_nor_headers():
    handshake = Handshake.from_scope(scope_of([("x-api-key", "canary")], query="session=canary"))

    assert "canary" not in repr(handshake)


@given(values=st.lists(st.text(st.characters(max_codepoint=255))), query=st.text(st.characters(max_codepoint=255)))
def test_whatever_a_handshake_offers_no_ticket_goes_on(values, query):
    with suppress(Denied):
        handshake = Handshake.from_scope(scope_of([("sec-websocket-protocol", value) for value in values], query))
        assert not any(name.startswith("ticket.") for name in handshake.subprotocols.split(", "))


@pytest.mark.asyncio
@pytest.mark.parametrize("made", [lambda: "canary", lambda: signed(exp=1)], ids=["malformed", "ended"])
async def test_b2_a_relay_answers_a_wrong_token_with_401_and_a_challenge(integration, made):
    response = await integration.refusal(additional_headers={"Authorization": f"Bearer {made()}"})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="floodgate", error="invalid_token"')
    assert b"canary" not in response.body


@pytest.mark.asyncio
async def test_b2_a_relay_answers_no_token_with_401_and_a_bare_challenge(integration):
    response = await integration.refusal(additional_headers={})

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="floodgate"')


@pytest.mark.asyncio
async def test_b4_a_relay_refuses_a_token_in_the_url_even_beside_a_good_one(integration):
    token = quote(records.token_of(integration.record))

    response = await integration.refusal(f"/v2/websocket/echo?access_token={token}")

    assert (response.status_code, json.loads(response.body)["code"]) == (400, "token_in_url")


@pytest.mark.asyncio
async def test_s10_a_cookie_alone_opens_nothing(integration):
    cookie = f"access_token={records.token_of(integration.record)}"

    assert (await integration.refusal(additional_headers={"Cookie": cookie})).status_code == 403


@pytest.mark.asyncio
async def test_b6_a_foreign_page_with_a_good_token_is_refused(integration):
    headers = integration.headers() | {"Origin": "https://evil.example"}

    response = await integration.refusal(additional_headers=headers)

    assert (response.status_code, json.loads(response.body)["code"]) == (403, "origin_forbidden")
