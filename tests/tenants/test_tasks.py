from datetime import timedelta

import pytest
from django.utils import timezone
from oauth2_provider.models import AccessToken

from relay.store import keys
from relay.store.pool import blocking
from relay.store.revocations import KEPT_BEYOND_END_SECONDS
from tenants.actions.policies import publish_version
from tenants.models.tokens import RevokedToken
from tenants.tasks import MOST_UNANSWERED, RecordsNotRebuilt, purge_expired_tokens, rebuild_records
from tests.tenants.factories import ClientFactory, TenantFactory, ZoneFactory

pytestmark = pytest.mark.django_db


def test_a_redis_that_restarted_empty_gets_every_tenants_records_again(acme, umbrella, redis):
    tenants = (acme, umbrella)
    clients = [ClientFactory.create(tenant=tenant) for tenant in tenants]

    rebuild_records()

    for tenant, client in zip(tenants, clients, strict=True):
        assert client.client_id in blocking().hkeys(keys.clients(str(tenant.pk)))


def test_without_redis_rebuilding_gives_up_until_the_next_minute_and_reports_it(acme, umbrella, settings, caplog):
    for number in range(MOST_UNANSWERED):
        TenantFactory.create(slug=f"tenant-{number}")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    blocking.cache_clear()

    with pytest.raises(RecordsNotRebuilt):
        rebuild_records()

    blocking.cache_clear()
    assert len(not_rebuilt(caplog)) == MOST_UNANSWERED


def not_rebuilt(caplog):
    """The tenants in the log whose records were not rebuilt."""
    return [record.msg["tenant"] for record in caplog.records if "records_not_rebuilt" in str(record.msg)]


def test_a_tenant_whose_records_redis_does_not_take_keeps_no_other_from_being_rebuilt(
    acme, umbrella, root, redis, caplog
):
    draft = ZoneFactory.create(version__policy__tenant=acme).version
    publish_version(draft, acting_user=root)
    blocking().set(keys.announced(str(acme.pk)), "canary")
    client = ClientFactory.create(tenant=umbrella)

    with pytest.raises(RecordsNotRebuilt, match="1 tenants"):
        rebuild_records()

    assert client.client_id in blocking().hkeys(keys.clients(str(umbrella.pk)))
    assert not_rebuilt(caplog) == [str(acme.pk)]


def test_tokens_that_ended_are_forgotten_and_others_kept(acme):
    client, now = ClientFactory.create(tenant=acme), timezone.now()
    for digest, ends in (("ended", now - timedelta(seconds=1)), ("valid", now + timedelta(minutes=1))):
        AccessToken.objects.create(application=client, token_checksum=digest, expires=ends)

    purge_expired_tokens()

    assert [token.token_checksum for token in AccessToken.objects.all()] == ["valid"]


def test_revocations_of_tokens_that_no_relay_would_accept_are_forgotten(acme):
    now = timezone.now()
    for name, seconds in (("ended", -KEPT_BEYOND_END_SECONDS - 1), ("lenient", -5), ("valid", 60)):
        RevokedToken.objects.create(token_id=name, tenant=acme, ends_at=now + timedelta(seconds=seconds))

    purge_expired_tokens()

    assert {token.token_id for token in RevokedToken.objects.all()} == {"lenient", "valid"}
