import time

import pytest
from django.utils import timezone
from oauth2_provider.models import AccessToken

from relay.store import keys
from relay.store.pool import StoreUnavailable, blocking
from relay.store.revocations import is_token_revoked
from tenants.actions.tokens import EndedToken, revoke_token
from tests.tenants.factories import ClientFactory

pytestmark = pytest.mark.django_db

TOKEN = EndedToken(token_id="jti", expires_at=time.time() + 600, digest="digest")


@pytest.fixture
def client_with_token(acme):
    client = ClientFactory.create(tenant=acme)
    AccessToken.objects.create(application=client, token_checksum=TOKEN.digest, expires=timezone.now())
    return client


def test_a_revoked_token_is_listed_announced_and_forgotten(client_with_token, acme, redis):
    revoke_token(client_with_token, TOKEN)

    assert is_token_revoked(str(acme.pk), "jti")
    assert blocking().xlen(keys.announcements()) == 1
    assert not AccessToken.objects.exists()


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
    assert not is_token_revoked(str(acme.pk), "jti")


def test_without_redis_nothing_is_revoked_and_the_caller_is_told(client_with_token, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    blocking.cache_clear()

    with pytest.raises(StoreUnavailable):
        revoke_token(client_with_token, TOKEN)

    blocking.cache_clear()
    assert AccessToken.objects.exists()
