import pytest

from relay.throttle.policy import default_zones
from tenants.actions.policies import publish_version
from tenants.limits import limits_of_client
from tests.tenants.factories import ChannelFactory, ClientFactory, DraftFactory, PlatformConnectionFactory, ZoneFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def policy(acme, root):
    """A published policy of one zone, called by its name."""

    def published(name):
        draft = DraftFactory.create(policy__tenant=acme, policy__name=name, number=1)
        ZoneFactory.create(version=draft)
        return publish_version(draft, acting_user=root).policy

    return published


def reasons(client):
    return [limit.reason for limit in limits_of_client(client)]


def test_without_a_policy_the_defaults_hold(acme):
    [limit] = limits_of_client(ClientFactory.create(tenant=acme))

    assert (limit.reason, limit.version, limit.zones) == ("Floodgate's defaults", 0, default_zones())


def test_every_policy_that_counts_is_told_with_its_reason(acme, policy):
    connection = PlatformConnectionFactory.create(tenant=acme, name="Genesys", throttle_policy=policy("Account"))
    channel = ChannelFactory.create(
        tenant=acme, name="chat", platform_connection=connection, throttle_policy=policy("Chat")
    )
    acme.throttle_policy = policy("All")
    acme.save()
    client = ClientFactory.create(tenant=acme, throttle_policy=policy("Own"))
    client.channels.add(channel)

    assert reasons(client) == [
        "its own policy, Own",
        "Floodgate's defaults, also in force: its own policy does not replace them",
        "the tenant's policy, All",
        "the policy of chat, Chat",
        "the policy of Genesys, Account",
    ]


def test_an_account_behind_two_channels_is_told_once(acme, policy):
    connection = PlatformConnectionFactory.create(tenant=acme, name="Genesys", throttle_policy=policy("Account"))
    client = ClientFactory.create(tenant=acme)
    client.channels.add(*ChannelFactory.create_batch(2, tenant=acme, platform_connection=connection))

    assert reasons(client) == ["Floodgate's defaults", "the policy of Genesys, Account"]


def test_a_policy_that_was_never_published_counts_for_nothing(acme):
    draft = ZoneFactory.create(version=DraftFactory.create(policy__tenant=acme)).version

    assert reasons(ClientFactory.create(tenant=acme, throttle_policy=draft.policy)) == ["Floodgate's defaults"]
