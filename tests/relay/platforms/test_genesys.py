import pytest

from relay.platforms.answers import CredentialIncomplete
from relay.platforms.genesys import token_request

URL = "https://login.mypurecloud.example/oauth/token"
CREDENTIAL = {"client_id": "acme", "client_secret": "s3cret"}


def test_a_token_is_asked_for_with_client_credentials():
    request = token_request(URL, CREDENTIAL)

    assert request.url == URL
    assert request.form == {"grant_type": "client_credentials"}
    assert request.headers == {"Authorization": "Basic YWNtZTpzM2NyZXQ="}


@pytest.mark.parametrize("part", CREDENTIAL)
def test_a_credential_without_a_part_is_refused(part):
    with pytest.raises(CredentialIncomplete, match=part):
        token_request(URL, CREDENTIAL | {part: ""})
