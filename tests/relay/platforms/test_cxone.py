import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.platforms.answers import CredentialIncomplete, TokenAnswerUnusable
from relay.platforms.cxone import token_endpoint, token_request

URL = "https://cxone.example/auth/token"
DISCOVERY = "https://cxone.example/.well-known/openid-configuration"
CREDENTIAL = {
    "client_id": "acme",
    "client_secret": "s3cret",
    "access_key_id": "key-1",
    "access_key_secret": "key-s3cret",
}


def test_the_token_endpoint_is_found_in_the_discovery_document():
    assert (
        token_endpoint(json.dumps({"issuer": "https://cxone.example", "token_endpoint": URL}).encode(), DISCOVERY)
        == URL
    )


def test_b4_a_token_endpoint_of_a_foreign_host_is_refused():
    with pytest.raises(TokenAnswerUnusable, match="only its own host"):
        token_endpoint(json.dumps({"token_endpoint": "https://evil.example/auth/token"}).encode(), DISCOVERY)


def test_a_token_is_asked_for_with_the_access_key():
    request = token_request(URL, CREDENTIAL)

    assert request.url == URL
    assert request.form == {"grant_type": "password", "username": "key-1", "password": "key-s3cret"}
    assert request.headers == {"Authorization": "Basic YWNtZTpzM2NyZXQ="}


@pytest.mark.parametrize("part", CREDENTIAL)
def test_a_credential_without_a_part_is_refused(part):
    with pytest.raises(CredentialIncomplete, match=part):
        token_request(URL, CREDENTIAL | {part: ""})


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"null", b"7", b'"text"', b"\xff", b"[" * 100_000])
def test_a_document_without_a_token_endpoint_is_refused(body):
    with pytest.raises(TokenAnswerUnusable, match="has no token_endpoint"):
        token_endpoint(body, DISCOVERY)


@pytest.mark.parametrize("endpoint", [None, 7, [], "", "/auth/token", "ftp://cxone.example", "https://x/" + "x" * 2048])
def test_a_token_endpoint_that_is_no_address_is_refused(endpoint):
    with pytest.raises(TokenAnswerUnusable, match="is no address"):
        token_endpoint(json.dumps({"token_endpoint": endpoint}).encode(), DISCOVERY)


@given(st.binary(max_size=200))
def test_whatever_a_platform_answers_raises_nothing_else(body):
    with pytest.raises(TokenAnswerUnusable):
        token_endpoint(body, DISCOVERY)
