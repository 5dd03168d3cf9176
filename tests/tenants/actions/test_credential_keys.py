import pytest

from controlplane.generate_keys import new_credential_key
from tenants.actions.credential_keys import rotate_credentials
from tenants.encryption import decrypt_credential
from tenants.models.platform_credentials import PlatformCredential
from tests.tenants.factories import CREDENTIAL, PlatformConnectionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(acme):
    """Three credentials of one tenant, under the key of before."""
    return PlatformConnectionFactory.create_batch(3, tenant=acme)


@pytest.fixture
def latest(settings, stored):
    """A new first key in front of the former one."""
    settings.CREDENTIAL_KEYS = (new_credential_key(), *settings.CREDENTIAL_KEYS)
    return settings.CREDENTIAL_KEYS[0]


def under_the_first_key_alone(settings):
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    rows = PlatformCredential.objects.all()
    return [decrypt_credential(row.encrypted_secret, row.platform_connection.leads_to) for row in rows]


@pytest.mark.usefixtures("latest")
def test_afterwards_the_former_key_can_go(settings):
    [batch] = rotate_credentials()

    assert (batch.looked_at, batch.encrypted_anew, batch.unreadable) == (3, 3, ())
    assert under_the_first_key_alone(settings) == [CREDENTIAL] * 3


@pytest.mark.usefixtures("latest")
def test_once_interrupted_it_goes_on_where_it_stopped(settings):
    rotation = rotate_credentials(batch=2)
    assert next(rotation).encrypted_anew == 2
    rotation.close()

    assert [batch.encrypted_anew for batch in rotate_credentials(batch=2)] == [0, 1]
    assert under_the_first_key_alone(settings) == [CREDENTIAL] * 3


@pytest.mark.usefixtures("latest")
def test_the_log_has_a_row_of_the_tenant_and_none_where_nothing_was_to_do(acme, audit_entries):
    list(rotate_credentials())
    list(rotate_credentials())

    [entry] = audit_entries("credentials_encrypted_anew")
    assert (entry.object_repr, entry.changes) == ("Acme", {"credentials": ["", "3 encrypted under the first key"]})


@pytest.mark.usefixtures("latest")
def test_relays_are_given_the_credentials_as_they_are_now(acme, announced):
    assert announced(lambda: list(rotate_credentials())) == [str(acme.pk)]


def test_what_no_key_opens_is_told_and_left(stored, settings, acme):
    settings.CREDENTIAL_KEYS = (new_credential_key(),)

    [batch] = rotate_credentials()

    assert set(batch.unreadable) == {f"{acme}: {row}, Main" for row in stored}


@pytest.mark.usefixtures("stored")
def test_without_a_new_key_nothing_is_written(audit_entries):
    [batch] = rotate_credentials()

    assert (batch.looked_at, batch.encrypted_anew) == (3, 0)
    assert audit_entries("credentials_encrypted_anew") == []
