import pytest
from django.utils import timezone
from oauth2_provider.models import AccessToken

from controlplane.oauth.introspection import introspect
from tenants.actions import clients, tenants
from tests.tenants.factories import ClientFactory

pytestmark = pytest.mark.django_db

NOT_ACTIVE = {"active": False}


@pytest.fixture
def client(acme):
    return ClientFactory.create(tenant=acme, scopes="webchat:send")


def test_a_token_in_force_says_what_it_is(client, acme, ask, token_of, settings):
    document = introspect(ask(client, {"token": token_of(client)})).document

    assert (
        document.items()
        >= {
            "active": True,
            "iss": settings.WEB_URL,
            "client_id": client.client_id,
            "tenant": str(acme.pk),
            "scope": "webchat:send",
            "token_type": "Bearer",
        }.items()
    )
    assert document["exp"] - document["iat"] == 600


def test_another_client_of_the_same_tenant_may_ask(client, acme, ask, token_of):
    other = ClientFactory.create(tenant=acme)

    assert introspect(ask(other, {"token": token_of(client)})).document["active"]


def test_a_client_of_another_tenant_learns_nothing(client, umbrella, ask, token_of):
    other = ClientFactory.create(tenant=umbrella)

    assert introspect(ask(other, {"token": token_of(client)})).document == NOT_ACTIVE


@pytest.mark.parametrize("end", [clients.disable_client, clients.revoke_client_tokens])
def test_what_the_tenant_ended_is_not_active(end, client, ask, token_of, alice):
    token = token_of(client)

    end(client, acting_user=alice)

    assert introspect(ask(ClientFactory.create(tenant=client.tenant), {"token": token})).document == NOT_ACTIVE


def test_a_suspended_tenants_client_learns_nothing(client, ask, token_of, root, refused):
    token = token_of(client)

    tenants.suspend_tenant(client.tenant, acting_user=root)

    assert refused(introspect, ask(client, {"token": token})).status == 401


def test_a_token_that_ended_is_not_active(client, ask, token_of):
    token = token_of(client)
    AccessToken.objects.update(expires=timezone.now())

    assert introspect(ask(client, {"token": token})).document == NOT_ACTIVE


@pytest.mark.parametrize("token", ["nonsense", "a.b.c"])
def test_what_is_no_token_is_not_active(token, client, ask):
    assert introspect(ask(client, {"token": token})).document == NOT_ACTIVE


def test_a_token_that_was_changed_is_not_active(client, ask, token_of):
    header, claims, signature = token_of(client).split(".")

    assert introspect(ask(client, {"token": f"{header}.{claims}.{signature[::-1]}"})).document == NOT_ACTIVE


def test_without_a_token_it_is_400(client, ask, refused):
    assert refused(introspect, ask(client, {})).document["error"] == "invalid_request"


def test_without_the_right_secret_nobody_learns_anything(client, ask, refused, token_of):
    assert refused(introspect, ask(client, {"token": token_of(client)}, secret="wrong")).status == 401
