import time
from contextlib import suppress

import pytest
from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import AccessToken

from relay.store import keys
from relay.store.pool import blocking
from tenants.actions.tokens import EndedToken, revoke_token
from tenants.tasks import rebuild_records
from tests.tenants.factories import ClientFactory

pytestmark = pytest.mark.django_db

TOKEN = EndedToken(token_id="jti", expires_at=time.time() + 600, digest="digest")


@pytest.fixture
def client_with_token(acme):
    client = ClientFactory.create(tenant=acme)
    AccessToken.objects.create(application=client, token_checksum=TOKEN.digest, expires=timezone.now())
    return client


def listed(tenant):
    """The tokens of a tenant that relays are told to refuse."""
    return blocking().zrange(keys.revoked_tokens(str(tenant.pk)), 0, -1)


def test_a_revoked_token_is_stored_listed_announced_and_forgotten(client_with_token, acme, announced):
    assert announced(revoke_token, client_with_token, TOKEN) == [str(acme.pk)]

    assert listed(acme) == ["jti"]
    assert [token.token_id for token in acme.revoked_tokens.in_force()] == ["jti"]
    assert not AccessToken.objects.exists()


def test_a_redis_that_restarted_empty_learns_again_what_is_revoked(client_with_token, acme, announced):
    announced(revoke_token, client_with_token, TOKEN)
    blocking().flushdb()

    rebuild_records()

    assert listed(acme) == ["jti"]


def test_the_log_says_which_client_did_it(client_with_token, redis, audit_entries):
    revoke_token(client_with_token, TOKEN)

    [entry] = audit_entries("token_revoked")
    assert entry.actor is None
    assert entry.changes == {"token": ["jti", ""], "by": ["", f"client {client_with_token.client_id}"]}


def test_revoking_again_changes_nothing(client_with_token, redis, audit_entries):
    revoke_token(client_with_token, TOKEN)
    revoke_token(client_with_token, TOKEN)

    assert len(audit_entries("token_revoked")) == 1


def test_a_client_does_not_end_another_clients_token(client_with_token, acme, redis):
    revoke_token(ClientFactory.create(tenant=acme), TOKEN)

    assert AccessToken.objects.exists()
    assert listed(acme) == []


def test_without_redis_it_is_stored_and_in_force_once_the_records_are_built_again(
    client_with_token, acme, redis_url, settings, django_capture_on_commit_callbacks
):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    blocking.cache_clear()
    with django_capture_on_commit_callbacks(execute=True):
        revoke_token(client_with_token, TOKEN)
    settings.REDIS_URL = redis_url
    blocking.cache_clear()

    rebuild_records()

    assert listed(acme) == ["jti"]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_revoked(client_with_token, acme, redis):
    with suppress(InterruptedError), transaction.atomic():
        revoke_token(client_with_token, TOKEN)
        raise InterruptedError

    assert listed(acme) == []
    assert AccessToken.objects.exists()
