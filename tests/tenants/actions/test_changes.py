import pytest

from tenants.actions.changes import change_fields
from tests.tenants.factories import ChannelFactory, ClientFactory, PolicyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return ClientFactory.create(name="CRM", weight=2, token_life_seconds=3600)


@pytest.mark.parametrize(
    "values", [{"weight": "2"}, {"weight": 2.0}, {"token_life_seconds": "3600"}, {"name": "CRM"}, {"is_active": "True"}]
)
def test_a_value_of_another_type_that_means_the_same_is_no_change(client, values):
    assert change_fields(client, values) == {}


def test_the_same_channels_in_another_order_are_no_change(client):
    channels = ChannelFactory.create_batch(3, tenant=client.tenant)
    change_fields(client, {"channels": channels})

    assert change_fields(client, {"channels": reversed(channels)}) == {}


def test_each_change_has_two_different_texts(client):
    channel, policy = ChannelFactory.create(tenant=client.tenant), PolicyFactory.create(tenant=client.tenant)
    values = {"name": "CTI", "weight": "3", "is_active": False, "channels": [channel], "throttle_policy": policy}

    changes = change_fields(client, values)

    assert changes["weight"] == ("2", "3")
    assert set(changes) == set(values)
    assert all(before != after for before, after in changes.values())
