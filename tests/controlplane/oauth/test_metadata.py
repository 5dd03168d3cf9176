import pytest

METADATA = ["/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/"]


@pytest.mark.parametrize("path", METADATA)
def test_the_metadata_name_the_endpoints_and_the_only_grant(path, client, settings):
    document = client.get(path).json()

    assert document["issuer"] == settings.WEB_URL
    assert document["token_endpoint"] == f"{settings.WEB_URL}/oauth/token"
    assert document["grant_types_supported"] == ["client_credentials"]
    assert document["response_types_supported"] == []


def test_everything_that_the_metadata_name_below_well_known_is_there(client, settings):
    document = client.get(METADATA[0]).json()

    assert client.get(document["jwks_uri"].removeprefix(settings.WEB_URL)).status_code == 200


def test_the_key_set_holds_one_public_key_that_may_be_cached(client):
    answer = client.get("/.well-known/jwks.json")

    assert [key["kty"] for key in answer.json()["keys"]] == ["RSA"]
    assert "max-age=3600" in answer["Cache-Control"]


@pytest.mark.parametrize("path", [METADATA[0], "/.well-known/jwks.json"])
def test_they_are_only_read(path, client):
    assert client.post(path).status_code == 405
