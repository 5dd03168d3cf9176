from datetime import timedelta

import pytest
from django.utils import timezone

from controlplane.oauth.introspection import introspect
from controlplane.oauth.revocation import revoke
from relay.store.pool import blocking
from tenants.actions import tokens
from tenants.models.tenants import Tenant
from tests.tenants.factories import ClientFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(acme):
    return ClientFactory.create(tenant=acme)


def revoked(tenant):
    """How many of a tenant's tokens are revoked."""
    return tenant.revoked_tokens.in_force().count()


def test_a_client_ends_its_own_token(client, acme, ask, token_of):
    token = token_of(client)

    answer = revoke(ask(client, {"token": token}))

    assert (answer.status, answer.document) == (200, None)
    assert revoked(acme) == 1
    assert introspect(ask(client, {"token": token})).document == {"active": False}


def test_other_tokens_of_the_client_stay(client, ask, token_of):
    ended, staying = token_of(client), token_of(client)

    revoke(ask(client, {"token": ended}))

    assert introspect(ask(client, {"token": staying})).document["active"]


def test_it_may_be_told_twice(client, acme, ask, token_of):
    token = token_of(client)

    assert revoke(ask(client, {"token": token})).status == 200
    assert revoke(ask(client, {"token": token})).status == 200
    assert revoked(acme) == 1


def test_a_hint_changes_nothing(client, acme, ask, token_of):
    revoke(ask(client, {"token": token_of(client), "token_type_hint": "refresh_token"}))

    assert revoked(acme) == 1


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "x" * 10_000])
def test_what_is_no_token_is_200_and_nothing_else(token, client, acme, ask):
    assert revoke(ask(client, {"token": token})).status == 200
    assert revoked(acme) == 0


def test_without_a_token_it_is_400(client, ask, refused):
    assert refused(revoke, ask(client, {})).document["error"] == "invalid_request"


def test_a_wrong_secret_is_401(client, ask, refused, token_of):
    assert refused(revoke, ask(client, {"token": token_of(client)}, secret="wrong")).status == 401


@pytest.mark.parametrize("slug", ["acme", "umbrella"])
def test_another_clients_token_stays_and_the_answer_does_not_tell(slug, client, umbrella, ask, token_of):
    other = ClientFactory.create(tenant=Tenant.objects.get(slug=slug))
    token = token_of(client)

    assert revoke(ask(other, {"token": token})).status == 200
    assert introspect(ask(client, {"token": token})).document["active"]


def test_without_redis_the_token_ends_all_the_same(client, ask, token_of, settings):
    token = token_of(client)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    blocking.cache_clear()

    assert revoke(ask(client, {"token": token})).status == 200

    blocking.cache_clear()
    assert introspect(ask(client, {"token": token})).document == {"active": False}


@pytest.fixture
def full(client, ask, token_of, monkeypatch):
    """Acme has revoked as many tokens as it may."""
    monkeypatch.setattr(tokens, "MOST_REVOKED", 2)  # revoking ten thousand would take a minute
    for _ in range(2):
        revoke(ask(client, {"token": token_of(client)}))


def test_a_tenant_that_revoked_too_many_is_told_that_the_token_still_counts(full, client, ask, token_of, refused):
    staying = token_of(client)

    answer = refused(revoke, ask(client, {"token": staying}))

    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert introspect(ask(client, {"token": staying})).document["active"]


def test_how_many_one_tenant_revoked_is_nothing_to_another(full, umbrella, ask, token_of):
    other = ClientFactory.create(tenant=umbrella)

    assert revoke(ask(other, {"token": token_of(other)})).status == 200


def test_revocations_that_have_ended_make_room(full, client, acme, ask, token_of):
    acme.revoked_tokens.update(ends_at=timezone.now() - timedelta(minutes=2))

    assert revoke(ask(client, {"token": token_of(client)})).status == 200
