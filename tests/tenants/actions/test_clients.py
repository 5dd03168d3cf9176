import pytest
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone
from oauth2_provider.models import AccessToken

from tenants.actions import clients
from tenants.client_secrets import PREFIX
from tenants.models.clients import OAuthClient
from tests.tenants.factories import SECRET, ChannelFactory, ClientFactory, PolicyFactory

pytestmark = pytest.mark.django_db


def knows(client, secret):
    client.refresh_from_db()
    return check_password(secret, client.client_secret, preferred="generated_sha256")


def with_token(client):
    AccessToken.objects.create(application=client, token_checksum=str(client.pk), expires=timezone.now())
    return client


def test_a_new_client_comes_with_a_secret_that_only_its_maker_sees(acme, alice):
    issued = clients.create_client(acme, name="Bridge", acting_user=alice)

    assert issued.secret.startswith(PREFIX)
    assert knows(issued.client, issued.secret)
    assert issued.secret not in issued.client.client_secret
    assert issued.client.secret_last_four == issued.secret[-4:]


def test_a_new_client_may_use_what_it_was_given_and_ten_minutes_of_token(acme, alice):
    channel = ChannelFactory.create(tenant=acme)

    issued = clients.create_client(acme, name="Bridge", scopes="a b", channels=[channel], acting_user=alice)

    assert list(issued.client.channels.all()) == [channel]
    assert issued.client.scope_names == ("a", "b")
    assert issued.client.token_life_seconds == 600


def test_relays_are_told_of_a_new_client(acme, alice, announced):
    assert announced(clients.create_client, acme, name="Bridge", acting_user=alice) == [str(acme.pk)]


def test_after_rotation_only_the_new_secret_is_known(acme, alice):
    client = ClientFactory.create(tenant=acme)

    issued = clients.rotate_client_secret(client, acting_user=alice)

    assert knows(client, issued.secret)
    assert not knows(client, SECRET)


def test_rotation_leaves_tokens_in_force(acme, alice):
    client = with_token(ClientFactory.create(tenant=acme))

    clients.rotate_client_secret(client, acting_user=alice)

    assert AccessToken.objects.filter(application=client).exists()


@pytest.mark.parametrize("action", [clients.disable_client, clients.revoke_client_tokens])
def test_disabling_and_revoking_end_every_token(action, acme, alice, announced):
    client = with_token(ClientFactory.create(tenant=acme))
    before = timezone.now()

    assert announced(action, client, acting_user=alice) == [str(acme.pk)]

    client.refresh_from_db()
    assert client.tokens_valid_from >= before
    assert not AccessToken.objects.filter(application=client).exists()


def test_a_disabled_client_can_be_enabled_but_its_tokens_stay_revoked(acme, alice):
    client = clients.disable_client(ClientFactory.create(tenant=acme), acting_user=alice)
    revoked_at = client.tokens_valid_from

    client = clients.enable_client(client, acting_user=alice)

    assert client.is_active
    assert client.tokens_valid_from == revoked_at


def test_a_change_is_told_with_old_and_new(acme, alice, audit_entries):
    client = ClientFactory.create(tenant=acme, scopes="a", token_life_seconds=600)

    clients.change_client(client, {"scopes": "a b", "token_life_seconds": 600}, acting_user=alice)

    [entry] = audit_entries("client_changed")
    assert entry.changes == {"scopes": ["a", "a b"]}
    assert entry.actor == alice


def test_giving_other_channels_is_told_by_their_names(acme, alice, audit_entries):
    client = ClientFactory.create(tenant=acme)
    chat = ChannelFactory.create(tenant=acme, name="chat")

    clients.change_client(client, {"channels": [chat]}, acting_user=alice)

    assert audit_entries("client_changed")[0].changes == {"channels": ["", "chat"]}


def test_no_secret_stands_in_the_audit_log(acme, alice, audit_entries):
    issued = clients.create_client(acme, name="Bridge", acting_user=alice)
    again = clients.rotate_client_secret(issued.client, acting_user=alice)

    written = str([(entry.changes, entry.serialized_data, entry.additional_data) for entry in audit_entries()])
    assert issued.secret not in written
    assert again.secret not in written
    assert again.client.client_secret not in written


def test_a_deleted_client_is_gone_and_told(acme, alice, announced, audit_entries):
    client = ClientFactory.create(tenant=acme, name="Bridge")

    assert announced(clients.delete_client, client, acting_user=alice) == [str(acme.pk)]

    assert not OAuthClient.objects.exists()
    assert audit_entries("client_deleted")[0].changes == {"name": ["Bridge", ""]}


@pytest.mark.parametrize("seconds", [60, 172_800])
def test_a_tokens_life_may_lie_between_a_minute_and_two_days(seconds, acme, alice):
    clients.create_client(acme, name="Bridge", token_life_seconds=seconds, acting_user=alice)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token_life_seconds", 59),
        ("token_life_seconds", 172_801),
        ("name", ""),
        ("scopes", 'a"b'),
        ("scopes", "a\\b"),
        ("scopes", " ".join(f"scope{number}" for number in range(51))),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(field, value, acme, alice):
    with pytest.raises(ValidationError) as refusal:
        clients.create_client(acme, acting_user=alice, **{"name": "Bridge", field: value})

    assert field in refusal.value.message_dict
    assert not OAuthClient.objects.exists()


def test_two_clients_of_a_tenant_cannot_share_a_name_but_two_tenants_clients_can(acme, umbrella, alice):
    clients.create_client(acme, name="Bridge", acting_user=alice)
    clients.create_client(umbrella, name="Bridge", acting_user=alice)

    with pytest.raises(ValidationError):
        clients.create_client(acme, name="Bridge", acting_user=alice)


def test_a_client_cannot_be_given_another_tenants_channel(acme, umbrella, alice):
    client = ClientFactory.create(tenant=acme)

    with pytest.raises(IntegrityError, match="belongs to another tenant"):
        clients.change_client(client, {"channels": [ChannelFactory.create(tenant=umbrella)]}, acting_user=alice)


def test_a_client_cannot_be_held_by_another_tenants_policy(acme, umbrella, alice):
    client = ClientFactory.create(tenant=acme)

    with pytest.raises(ValidationError, match="belongs to another tenant"):
        clients.change_client(client, {"throttle_policy": PolicyFactory.create(tenant=umbrella)}, acting_user=alice)


@pytest.mark.parametrize("field", ["tenant", "client_secret", "is_active", "tokens_valid_from", "client_id"])
def test_a_change_reaches_no_other_field(field, acme, alice):
    with pytest.raises(TypeError, match=field):
        clients.change_client(ClientFactory.create(tenant=acme), {field: None}, acting_user=alice)
