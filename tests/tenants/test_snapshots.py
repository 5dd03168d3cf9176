import msgspec
import pytest

from relay.store import keys
from relay.store.client_records import WRITTEN, ClientRecord
from relay.store.pool import StoreUnavailable, blocking
from relay.store.receipts import read_receipts
from relay.throttle.fairness import Priority
from relay.throttle.policy import StoreAway, default_zones, kept_defaults
from tenants.actions.policies import publish_version, set_store_away
from tenants.models.tenants import Tenant
from tenants.snapshots import DEFAULT_POLICY, build_records, publish_records
from tests.tenants.factories import ChannelFactory, ClientFactory, DraftFactory, PlatformConnectionFactory, ZoneFactory

pytestmark = pytest.mark.django_db


def published(tenant, root, permits):
    draft = DraftFactory.create(policy__tenant=tenant, number=1)
    ZoneFactory.create(version=draft, permits=permits)
    publish_version(draft, acting_user=root)
    return draft.policy


def stored_records(tenant):
    stored = blocking().hgetall(keys.clients(str(tenant.pk)))
    del stored[WRITTEN]
    return {client_id: msgspec.json.decode(record, type=ClientRecord) for client_id, record in stored.items()}


def test_a_record_says_who_the_client_is_and_where_it_may_go(acme):
    channel = ChannelFactory.create(tenant=acme, name="chat", scope="webchat:send")
    client = ClientFactory.create(tenant=acme, scopes="webchat:send api:read")
    client.channels.add(channel)

    [record] = build_records(acme)

    assert (record.client_id, record.tenant_id, record.tenant_slug) == (client.client_id, str(acme.pk), "acme")
    assert record.scopes == ("webchat:send", "api:read")
    assert [(chosen.name, chosen.scope, chosen.platform_channel) for chosen in record.channels] == [
        ("chat", "webchat:send", "chat")
    ]


def test_a_genesys_connection_is_told_by_the_regions_addresses(acme):
    connection = PlatformConnectionFactory.create(tenant=acme, region="mypurecloud.de")
    ClientFactory.create(tenant=acme).channels.add(ChannelFactory.create(tenant=acme, platform_connection=connection))

    told = build_records(acme)[0].channels[0].platform_connection

    assert told.token_url == "https://login.mypurecloud.de/oauth/token"
    assert told.socket_url == "wss://webapis.mypurecloud.de/v2/websocket/{channel}"


def test_a_client_without_a_policy_is_held_by_the_defaults(acme):
    ClientFactory.create(tenant=acme)

    assert build_records(acme)[0].policies == (DEFAULT_POLICY,)
    assert DEFAULT_POLICY.zones == default_zones()


def test_a_policy_that_was_never_published_leaves_the_defaults_in_force(acme):
    draft = DraftFactory.create(policy__tenant=acme)
    ZoneFactory.create(version=draft)
    ClientFactory.create(tenant=acme, throttle_policy=draft.policy)

    assert build_records(acme)[0].policies == (DEFAULT_POLICY,)


def test_a_policy_of_ones_own_leaves_the_defaults_in_force_that_it_does_not_replace(acme, root):
    ClientFactory.create(tenant=acme, throttle_policy=published(acme, root, 40))

    own, kept = build_records(acme)[0].policies

    assert ([zone.permits for zone in own.zones], kept.policy_id) == ([40], DEFAULT_POLICY.policy_id)
    assert kept.zones == kept_defaults(own.zones)


def test_limits_of_client_tenant_channel_and_platform_connection_all_count(acme, root):
    of_client, of_tenant, of_channel, of_connection = (published(acme, root, permits) for permits in (1, 2, 3, 4))
    acme.throttle_policy = of_tenant
    connection = PlatformConnectionFactory.create(tenant=acme, throttle_policy=of_connection)
    channel = ChannelFactory.create(tenant=acme, platform_connection=connection, throttle_policy=of_channel)
    ClientFactory.create(tenant=acme, throttle_policy=of_client).channels.add(channel)

    [record] = build_records(acme)

    assert [policy.zones[0].permits for policy in record.policies if policy.version] == [1, 2]
    assert [policy.zones[0].permits for policy in record.channels[0].policies] == [3]
    assert [policy.zones[0].permits for policy in record.channels[0].platform_connection.policies] == [4]


def test_weight_priority_and_what_happens_without_redis_are_told(acme, root):
    draft = ZoneFactory.create(version__policy__tenant=acme, burst=10, strict=True).version
    publish_version(set_store_away(draft, StoreAway.REFUSE, acting_user=root), acting_user=root)
    client = ClientFactory.create(tenant=acme, weight=3, throttle_policy=draft.policy)
    client.channels.add(ChannelFactory.create(tenant=acme, priority=Priority.LOW))

    [record] = build_records(acme)

    assert (record.weight, record.channels[0].priority) == (3, Priority.LOW)
    assert record.policies[0].store_away is StoreAway.REFUSE
    assert record.policies[0].zones[0].strict


def test_names_of_all_channels_are_told_so_that_403_differs_from_404(acme):
    ChannelFactory.create(tenant=acme, name="mine")
    ChannelFactory.create(tenant=acme, name="another")
    ClientFactory.create(tenant=acme)

    assert build_records(acme)[0].tenant_channels == ("another", "mine")


def test_a_disabled_client_is_told_too_so_that_its_connections_are_closed(acme):
    ClientFactory.create(tenant=acme, is_active=False)

    assert [record.is_active for record in build_records(acme)] == [False]


def test_no_other_tenants_clients_are_told(acme, umbrella):
    ClientFactory.create(tenant=umbrella)

    assert build_records(acme) == []


@pytest.mark.parametrize("clients", [1, 30])
def test_building_takes_the_same_six_queries_however_many_clients_there_are(
    clients, acme, root, django_assert_num_queries
):
    policy = published(acme, root, 5)
    for _ in range(clients):
        client = ClientFactory.create(tenant=acme, throttle_policy=policy)
        client.channels.add(ChannelFactory.create(tenant=acme, throttle_policy=policy))

    with django_assert_num_queries(6):
        build_records(acme)


def test_published_records_replace_all_that_were_there(acme, redis):
    leaving = ClientFactory.create(tenant=acme)
    publish_records(acme.pk)
    leaving.delete()
    staying = ClientFactory.create(tenant=acme)

    publish_records(acme.pk)

    assert set(stored_records(acme)) == {staying.client_id}


def test_every_relay_is_told_which_tenant_changed(acme, redis):
    publish_records(acme.pk)

    [(_, announcement)] = blocking().xrange(keys.announcements())
    assert announcement == {"tenant": str(acme.pk)}


def test_what_is_in_force_is_written_down_with_its_first_announcement(acme, root, redis):
    policy = published(acme, root, 5)
    publish_records(acme.pk)
    publish_records(acme.pk)

    [(first, _), _] = blocking().xrange(keys.announcements())
    assert read_receipts(str(acme.pk)).announced == {str(policy.pk): (1, first)}


def test_of_a_tenant_that_is_gone_nothing_stays(acme, redis):
    ClientFactory.create(tenant=acme)
    publish_records(acme.pk)
    acme_id, acme_before = acme.pk, Tenant(pk=acme.pk)
    acme.delete()

    publish_records(acme_id)

    assert stored_records(acme_before) == {}


def test_no_credential_and_no_secret_goes_to_redis_in_the_clear(acme, redis):
    ClientFactory.create(tenant=acme).channels.add(ChannelFactory.create(tenant=acme))

    publish_records(acme.pk)

    assert "canary" not in str(blocking().hgetall(keys.clients(str(acme.pk))))


def test_without_redis_publishing_says_so(acme, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    blocking.cache_clear()

    with pytest.raises(StoreUnavailable):
        publish_records(acme.pk)
    blocking.cache_clear()


def test_without_redis_a_change_is_made_all_the_same(acme, settings, root, django_capture_on_commit_callbacks):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    blocking.cache_clear()

    with django_capture_on_commit_callbacks(execute=True):
        published(acme, root, 5)

    blocking.cache_clear()
    assert acme.policies.get().versions.published().exists()
