import time

import pytest
from django.core.exceptions import ImproperlyConfigured
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from controlplane.environment import public_key_of
from controlplane.generate_keys import new_signing_key
from controlplane.oauth.reading import read_token
from controlplane.oauth.signing import public_key_set, sign_token, signing_key
from relay.gateway.authentication import TokenVerifier
from tests.tenants.factories import ClientFactory

NOW = round(time.time(), 6)


@pytest.fixture
def client(db, acme):
    return ClientFactory.create(tenant=acme, token_life_seconds=600)


def test_a_token_is_an_access_token_of_rfc_9068(client, acme, settings):
    decoded = jwt.decode(sign_token(client, "a b", NOW).value, KeySet.import_key_set(public_key_set()))

    assert decoded.header["typ"] == "at+jwt"
    assert decoded.header["alg"] == "RS256"
    assert decoded.claims.pop("jti")
    assert decoded.claims == {
        "iss": settings.WEB_URL,
        "aud": "floodgate",
        "sub": client.client_id,
        "client_id": client.client_id,
        "tenant": str(acme.pk),
        "scope": "a b",
        "iat": NOW,
        "exp": int(NOW) + 600,
    }


def test_the_relay_understands_it(client, acme, settings):
    token = sign_token(client, "a b", NOW)

    identity = TokenVerifier(settings.VERIFICATION_KEYS, settings.WEB_URL).verify(token.value)

    assert (identity.client_id, identity.tenant_id) == (client.client_id, str(acme.pk))
    assert identity.scopes == {"a", "b"}


def test_no_two_tokens_have_the_same_id(client):
    tokens = {sign_token(client, "", NOW).value for _ in range(20)}

    assert len(tokens) == 20


def test_the_header_names_the_key_that_is_published(client):
    [key] = public_key_set()["keys"]

    assert key["kid"] == signing_key().kid
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")


def test_while_keys_change_all_that_verify_are_published(settings):
    coming = public_key_of(new_signing_key())
    settings.VERIFICATION_KEYS = (*settings.VERIFICATION_KEYS, coming)

    assert [key["kid"] for key in public_key_set()["keys"]] == [
        signing_key().kid,
        RSAKey.import_key(coming).thumbprint(),
    ]


def test_no_private_part_is_published():
    [key] = public_key_set()["keys"]

    assert not set(key) & {"d", "p", "q", "dp", "dq", "qi", "oth"}


def test_a_process_without_the_key_says_so(settings):
    settings.SIGNING_KEY = ""
    signing_key.cache_clear()

    with pytest.raises(ImproperlyConfigured, match="FLOODGATE_SIGNING_KEY"):
        signing_key()

    signing_key.cache_clear()


@pytest.mark.parametrize("value", ["", "a", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_token_of_ours_reads_as_nothing(value):
    assert read_token(value) is None


def test_a_token_that_ended_reads_as_nothing(client):
    assert read_token(sign_token(client, "", 1_000_000_000.0).value) is None
