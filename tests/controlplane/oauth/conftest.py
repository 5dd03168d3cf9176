import pytest

from controlplane.oauth.messages import OAuthRequest, Refused
from controlplane.oauth.token import issue_token
from tests.tenants.factories import SECRET


@pytest.fixture
def ask():
    """A request of a client that shows its right secret, unless told otherwise."""

    def request(client, form, *, secret=SECRET, uses_basic=False):
        return OAuthRequest(form, client.client_id, secret, uses_basic)

    return request


@pytest.fixture
def token_of(ask):
    """A fresh token of a client."""

    def issue(client):
        return issue_token(ask(client, {"grant_type": "client_credentials"})).document["access_token"]

    return issue


@pytest.fixture
def refused():
    """The answer by which a request is refused."""

    def answer(respond, request):
        with pytest.raises(Refused) as refusal:
            respond(request)
        return refusal.value.answer

    return answer
