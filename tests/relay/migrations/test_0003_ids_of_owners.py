from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from relay.models.rollups import NOBODY, HandshakeRollup, TrafficRollup
from tests.tenants.factories import ChannelFactory, ClientFactory, TenantFactory

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def migrate(name):
    """Bring the relay's tables to a migration; answers models as they are there."""
    executor = MigrationExecutor(connection)
    executor.migrate([("relay", name)])
    return executor.loader.project_state([("relay", name)]).apps


@pytest.fixture
def before():
    """Models that have slugs and names."""
    yield migrate("0002_throttle_episodes")
    migrate("0004_episodes_have_zones")


def counted(apps, tenant, client, channel="billing", **changes):
    """A row of each kind, of what was counted at noon."""
    whose = {"tenant": tenant, "client": client}
    period = {"granularity": "hour", "started_at": NOON, **whose}
    messages = {"channel": channel, "direction": "to_platform", "messages": 5, "held": []}
    apps.get_model("relay", "TrafficRollup").objects.create(**period, **messages | changes)
    apps.get_model("relay", "HandshakeRollup").objects.create(**period, result=f"of {channel}", count=1)
    zone = {"policy_id": "p1", "version": 1, "zone": "client", "began_at": NOON, "last_at": NOON}
    apps.get_model("relay", "ThrottleEpisode").objects.create(**whose, channel=channel, **zone)


def owners():
    """Whose traffic there is."""
    return {(row.tenant_id, row.client_id, row.channel_id) for row in TrafficRollup.objects.all()}


def test_rows_belong_to_the_tenant_of_their_client_whatever_it_is_called_now(before):
    tenant = TenantFactory.create(slug="renamed")
    client, channel = ClientFactory.create(tenant=tenant), ChannelFactory.create(tenant=tenant, name="billing")
    counted(before, "acme", client.client_id)

    migrate("0003_ids_of_owners")

    assert owners() == {(tenant.pk, client.client_id, channel.pk)}


def test_the_present_owner_of_a_slug_gets_nothing_of_what_deleted_clients_sent(before):
    acme = TenantFactory.create(slug="acme")
    channel = ChannelFactory.create(tenant=acme, name="billing")
    counted(before, "acme", "deleted")

    migrate("0003_ids_of_owners")

    [(tenant_id, client_id, channel_id)] = owners()
    assert client_id == "deleted"
    assert tenant_id not in {acme.pk, NOBODY}
    assert channel_id not in {channel.pk, NOBODY}


def test_a_slug_that_is_the_id_of_another_tenant_takes_nothing_from_it(before):
    tenant = TenantFactory.create()
    counted(before, str(tenant.pk), "deleted")

    migrate("0003_ids_of_owners")

    assert not TrafficRollup.objects.filter(tenant_id=tenant.pk).exists()


def test_no_two_sums_fall_together_and_none_is_lost(before):
    for slug in ("acme", "umbrella"):
        for channel in ("billing", "orders"):
            counted(before, slug, "deleted", channel)
    counted(before, "", "", "billing")

    migrate("0003_ids_of_owners")

    assert len(owners()) == 5
    assert (TrafficRollup.objects.count(), HandshakeRollup.objects.count()) == (5, 5)


def test_nobodys_rows_stay_nobodys(before):
    counted(before, "", "", "")

    migrate("0003_ids_of_owners")

    assert owners() == {(NOBODY, "", NOBODY)}
    assert HandshakeRollup.objects.get().tenant_id == NOBODY
