import pytest
from oauth2_provider.models import AccessToken

from controlplane.oauth.messages import OAuthRequest
from controlplane.oauth.reading import read_token
from controlplane.oauth.token import issue_token
from tenants.actions import clients, tenants
from tests.tenants.factories import SECRET, ClientFactory

pytestmark = pytest.mark.django_db

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def client(acme):
    return ClientFactory.create(tenant=acme, scopes="webchat:send api:read", token_life_seconds=900)


def test_a_client_gets_a_token_with_all_its_scopes_for_its_tokens_life(client, ask):
    document = issue_token(ask(client, GRANT)).document

    assert document["token_type"] == "Bearer"
    assert document["expires_in"] == 900
    assert document["scope"] == "webchat:send api:read"
    assert read_token(document["access_token"]).scopes == {"webchat:send", "api:read"}


def test_it_may_ask_for_fewer_scopes(client, ask):
    document = issue_token(ask(client, {**GRANT, "scope": "api:read api:read"})).document

    assert document["scope"] == "api:read"


def test_a_client_without_scopes_gets_a_token_without(acme, ask):
    assert issue_token(ask(ClientFactory.create(tenant=acme), GRANT)).document["scope"] == ""


def test_of_the_token_only_a_digest_is_stored(client, ask):
    value = issue_token(ask(client, GRANT)).document["access_token"]

    row = AccessToken.objects.get()
    assert (row.token, row.application) == ("", client)
    assert value not in str(AccessToken.objects.values())


def test_issuing_takes_two_queries(client, ask, django_assert_num_queries):
    with django_assert_num_queries(2):
        issue_token(ask(client, GRANT))


def test_a_rotated_secret_works_at_once_and_the_former_no_longer(client, ask, refused, alice):
    issued = clients.rotate_client_secret(client, acting_user=alice)

    assert issue_token(ask(client, GRANT, secret=issued.secret)).status == 200
    assert refused(issue_token, ask(client, GRANT)).status == 401


def test_a_token_issued_after_a_revocation_in_the_same_second_is_valid(client, ask, alice):
    revoked = clients.revoke_client_tokens(client, acting_user=alice)

    value = issue_token(ask(client, GRANT)).document["access_token"]

    assert read_token(value).issued_at >= revoked.tokens_valid_from.timestamp()


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({**GRANT, "scope": "admin"}, "invalid_scope"),
        ({**GRANT, "scope": "api:read admin"}, "invalid_scope"),
    ],
)
def test_b41_what_no_grant_allows_is_400(form, error, client, ask, refused):
    answer = refused(issue_token, ask(client, form))

    assert (answer.status, answer.document["error"]) == (400, error)
    assert not AccessToken.objects.exists()


def test_another_grant_is_refused_before_any_lookup(client, ask, refused, django_assert_num_queries):
    with django_assert_num_queries(0):
        refused(issue_token, ask(client, {"grant_type": "password"}))


def test_b40_every_client_that_may_not_gets_the_same_answer(client, acme, ask, refused, alice):
    unknown = refused(issue_token, OAuthRequest(GRANT, "nobody", SECRET))
    wrong = refused(issue_token, ask(client, GRANT, secret="wrong"))
    clients.disable_client(client, acting_user=alice)
    disabled = refused(issue_token, ask(client, GRANT))
    clients.enable_client(client, acting_user=alice)
    tenants.suspend_tenant(acme, acting_user=alice)
    suspended = refused(issue_token, ask(client, GRANT))

    assert unknown == wrong == disabled == suspended
    assert (unknown.status, unknown.document["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("uses_basic", [True, False])
def test_b40_who_used_basic_is_challenged(uses_basic, client, ask, refused):
    answer = refused(issue_token, ask(client, GRANT, secret="wrong", uses_basic=uses_basic))

    assert ("www-authenticate" in answer.headers) == uses_basic


def test_a_client_that_is_enabled_again_gets_tokens(client, ask, alice):
    clients.enable_client(clients.disable_client(client, acting_user=alice), acting_user=alice)

    assert issue_token(ask(client, GRANT)).status == 200
