import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction

from tenants.actions import platform_credentials as actions
from tenants.actions.platform_connections import change_platform_connection, set_credential
from tenants.encryption import CredentialSecret, decrypt_credential
from tenants.models.platform_credentials import CredentialState, PlatformCredential
from tenants.snapshots import build_records
from tests.tenants.factories import (
    ChannelFactory,
    ClientFactory,
    CredentialFactory,
    PlatformConnectionFactory,
    PolicyFactory,
)

pytestmark = pytest.mark.django_db
SECRET = CredentialSecret(client_id="second", client_secret="canary")


@pytest.fixture
def account(acme):
    """A platform connection with the credential Main, and a client that comes to it."""
    account = PlatformConnectionFactory.create(tenant=acme, name="Genesys")
    channel = ChannelFactory.create(tenant=acme, platform_connection=account)
    ClientFactory.create(tenant=acme).channels.add(channel)
    return account


def told_to_relays(tenant):
    """The credentials that relays may log in with, by their names."""
    [client] = build_records(tenant)
    return {one.name: one for one in client.channels[0].platform_connection.credentials}


def test_c2_another_credential_is_told_to_relays_beside_the_first(account, alice, announced, acme):
    announced(actions.create_credential, account, SECRET, acting_user=alice, name="Second")

    told = told_to_relays(acme)
    assert sorted(told) == ["Main", "Second"]
    assert decrypt_credential(told["Second"].encrypted_secret, account.leads_to) == SECRET


@pytest.mark.parametrize("action", ["switch off", "delete"])
def test_c2_a_credential_that_is_not_to_be_used_is_told_to_relays_no_more(account, alice, announced, acme, action):
    main = account.credentials.get()

    if action == "delete":
        tenants = announced(actions.delete_credential, main, acting_user=alice)
    else:
        tenants = announced(actions.change_credential, main, {"is_active": False}, acting_user=alice)

    assert tenants == [str(acme.pk)]
    assert told_to_relays(acme) == {}


def test_c2_the_log_says_what_became_of_a_credential_and_never_the_secret(account, alice, audit_entries):
    second = actions.create_credential(account, SECRET, acting_user=alice, name="Second")
    actions.change_credential(second, {"name": "Other"}, acting_user=alice)
    actions.set_secret(second, SECRET, acting_user=alice)
    actions.delete_credential(second, acting_user=alice)

    changes = [(entry.additional_data["event"], entry.changes) for entry in audit_entries()]
    assert changes == [
        ("credential_created", {"secret": ["", "client id second"]}),
        ("credential_changed", {"name": ["Second", "Other"]}),
        ("credential_set", {"secret": ["", "client id second"]}),
        ("credential_deleted", {"name": ["Other", ""]}),
    ]
    assert "canary" not in str([(entry.changes, entry.serialized_data) for entry in audit_entries()])


def test_c2_two_credentials_of_one_name_are_refused(account, alice):
    with pytest.raises(ValidationError, match="already exists"):
        actions.create_credential(account, SECRET, acting_user=alice, name="Main")


@pytest.mark.parametrize("field", ["encrypted_secret", "tenant", "platform_connection"])
def test_c2_a_change_goes_round_no_other_action(account, alice, field):
    with pytest.raises(TypeError, match=field):
        actions.change_credential(account.credentials.get(), {field: None}, acting_user=alice)


def test_c2_another_tenants_policy_is_refused(account, alice, umbrella):
    theirs = PolicyFactory.create(tenant=umbrella)

    with pytest.raises(ValidationError, match="another tenant"):
        actions.create_credential(account, SECRET, acting_user=alice, name="Second", throttle_policy=theirs)
    with pytest.raises(ValidationError, match="another tenant"):
        actions.change_credential(account.credentials.get(), {"throttle_policy": theirs}, acting_user=alice)


@pytest.mark.parametrize("column", ["tenant", "platform_connection", "throttle_policy"])
def test_c2_the_database_itself_keeps_credentials_of_two_tenants_apart(account, umbrella, column):
    theirs = {
        "tenant": lambda: umbrella,
        "platform_connection": lambda: PlatformConnectionFactory.create(tenant=umbrella),
        "throttle_policy": lambda: PolicyFactory.create(tenant=umbrella),
    }[column]()
    rows = PlatformCredential.objects.filter(platform_connection=account)

    with pytest.raises(DatabaseError, match="another tenant"), transaction.atomic():
        rows.update(**{column: theirs})


def test_c2_only_members_of_a_tenant_and_administrators_see_its_credentials(account, alice, bob, mallory, root):
    seen = {person: PlatformCredential.objects.visible_to(person).count() for person in (alice, bob, mallory, root)}

    assert seen == {alice: 1, bob: 1, mallory: 0, root: 1}


def test_c2_the_database_refuses_a_credential_without_a_secret(account):
    with pytest.raises(IntegrityError), transaction.atomic():
        CredentialFactory.create(platform_connection=account, name="Empty", encrypted_secret="")


def test_c2_of_several_credentials_each_is_entered_by_itself(account, alice):
    second = actions.create_credential(account, SECRET, acting_user=alice, name="Second")

    with pytest.raises(ValidationError, match="several credentials"):
        set_credential(account, SECRET, acting_user=alice)

    change_platform_connection(account, {"region": "mypurecloud.de"}, acting_user=alice)
    actions.set_secret(second, SECRET, acting_user=alice)
    states = {one.name: one.state for one in PlatformCredential.objects.filter(platform_connection=account)}
    assert states == {"Main": CredentialState.BOUND_ELSEWHERE, "Second": CredentialState.STORED}


def test_c2_a_policy_that_limits_a_credential_can_not_be_deleted(account, acme):
    policy = PolicyFactory.create(tenant=acme)
    CredentialFactory.create(platform_connection=account, name="Second", throttle_policy=policy)

    with pytest.raises(IntegrityError):
        policy.delete()
