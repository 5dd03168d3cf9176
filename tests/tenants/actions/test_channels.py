import pytest
from django.core.exceptions import ValidationError

from tenants.actions import channels
from tenants.models.channels import Channel
from tests.tenants.factories import ChannelFactory, PlatformConnectionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(acme):
    return PlatformConnectionFactory.create(tenant=acme)


def test_a_new_channel_is_called_the_same_on_the_platform(acme, connection, alice):
    channel = channels.create_channel(acme, name="chat", platform_connection=connection, acting_user=alice)

    assert channel.effective_platform_channel == "chat"


def test_relays_are_told_of_every_change(acme, connection, alice, announced):
    named = {"name": "chat", "platform_connection": connection, "acting_user": alice}
    assert len(announced(channels.create_channel, acme, **named)) == 1

    channel = Channel.objects.get()
    assert len(announced(channels.change_channel, channel, {"scope": "webchat:send"}, acting_user=alice)) == 2
    assert len(announced(channels.delete_channel, channel, acting_user=alice)) == 3


def test_a_change_is_logged_with_old_and_new(acme, alice, audit_entries):
    channels.change_channel(ChannelFactory.create(tenant=acme), {"platform_channel": "x"}, acting_user=alice)

    assert audit_entries("channel_changed")[0].changes == {"platform_channel": ["", "x"]}


def test_a_priority_is_logged_by_its_word(acme, alice, audit_entries):
    channels.change_channel(ChannelFactory.create(tenant=acme), {"priority": 2}, acting_user=alice)

    assert audit_entries("channel_changed")[0].changes == {"priority": ["normal", "low"]}


@pytest.mark.parametrize("name", ["a", "0", "a" * 64, "web-chat_2"])
def test_a_name_may_have_one_to_64_characters(name, acme, connection, alice):
    channels.create_channel(acme, name=name, platform_connection=connection, acting_user=alice)


@pytest.mark.parametrize("name", ["", "-a", "_a", "A", "a b", "a/b", "a" * 65, "ä", "a\n"])
def test_a_name_that_fits_no_address_is_refused(name, acme, connection, alice):
    with pytest.raises(ValidationError) as refusal:
        channels.create_channel(acme, name=name, platform_connection=connection, acting_user=alice)

    assert "name" in refusal.value.message_dict


@pytest.mark.parametrize("scope", ["a b", 'a"', "a\\", "ä"])
def test_what_is_not_one_scope_is_refused(scope, acme, connection, alice):
    with pytest.raises(ValidationError) as refusal:
        channels.create_channel(acme, name="chat", platform_connection=connection, scope=scope, acting_user=alice)

    assert "scope" in refusal.value.message_dict


def test_a_channel_cannot_lead_through_another_tenants_account(acme, umbrella, alice):
    theirs = PlatformConnectionFactory.create(tenant=umbrella)

    with pytest.raises(ValidationError, match="another tenant"):
        channels.create_channel(acme, name="chat", platform_connection=theirs, acting_user=alice)


def test_a_channel_must_lead_somewhere(acme, alice):
    with pytest.raises(ValidationError) as refusal:
        channels.create_channel(acme, name="chat", acting_user=alice)

    assert "platform_connection" in refusal.value.message_dict
