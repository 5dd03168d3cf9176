import pytest
from django.urls import reverse

from tenants.models.platform_credentials import PlatformCredential
from tests.tenants.admin.answers import YES
from tests.tenants.factories import CredentialFactory, PlatformConnectionFactory, PolicyFactory, secret_of

pytestmark = pytest.mark.django_db
ADD = "admin:tenants_platformcredential_add"
SECRET = {"client_id": "id", "client_secret": " canary "}


@pytest.fixture
def account(acme):
    return PlatformConnectionFactory.create(tenant=acme, name="Genesys", credential=None)


def form(account, **values):
    return {"platform_connection": account.pk, "name": "First", "is_active": "on", **SECRET, **values}


def test_c2_a_credential_is_made_by_the_action(pages, account, audit_entries):
    pages.post(reverse(ADD), form(account))

    credential = PlatformCredential.objects.get()
    assert (credential.name, credential.tenant, credential.is_active) == ("First", account.tenant, True)
    assert secret_of(account).client_secret == " canary "
    assert len(audit_entries("credential_created")) == 1


def test_c2_one_can_be_made_that_is_not_used_yet(pages, account):
    pages.post(reverse(ADD), form(account, is_active=""))

    assert not PlatformCredential.objects.get().is_active


@pytest.mark.parametrize("missing", SECRET)
def test_c2_a_new_one_needs_its_secret(missing, pages, account):
    answer = pages.post(reverse(ADD), form(account, **{missing: ""}))

    assert missing in answer.context["adminform"].form.errors
    assert not PlatformCredential.objects.exists()


def test_c2_a_policy_of_another_tenant_can_not_be_chosen(pages, account, umbrella, address):
    policy, row = PolicyFactory.create(tenant=umbrella), CredentialFactory.create(platform_connection=account)

    assert "throttle_policy" not in pages.get(reverse(ADD)).content.decode()
    assert policy not in pages.get(address(row)).context["adminform"].form.fields["throttle_policy"].queryset


def test_c2_a_name_that_is_taken_is_told(pages, account):
    CredentialFactory.create(platform_connection=account, name="First")

    assert "already exists" in pages.post(reverse(ADD), form(account), follow=True).content.decode()


def test_c2_a_change_leaves_the_secret_and_a_secret_leaves_the_rest(pages, account, address):
    row = CredentialFactory.create(platform_connection=account)
    before = row.encrypted_secret

    pages.post(address(row), {"name": "Other", "is_active": "on"})
    row.refresh_from_db()
    assert (row.name, row.encrypted_secret) == ("Other", before)

    pages.post(address(row), {"name": "Other", "is_active": "on", **SECRET})
    row.refresh_from_db()
    assert (row.name, row.is_active, secret_of(account).client_secret) == ("Other", True, " canary ")


def test_c2_no_page_ever_shows_a_secret(pages, account, address):
    pages.post(reverse(ADD), form(account))
    row = PlatformCredential.objects.get()

    refused = pages.post(address(row), {"name": "", **SECRET}).content.decode()
    shown = pages.get(address(row)).content.decode() + refused
    log = pages.get(reverse("admin:auditlog_logentry_changelist")).content.decode()

    assert "canary" not in shown + log
    assert row.encrypted_secret not in shown + log


def test_c2_deleting_asks_first_and_is_logged(pages, account, address, audit_entries):
    row = CredentialFactory.create(platform_connection=account)

    assert pages.get(address(row, "delete")).status_code == 200
    pages.post(address(row, "delete"), {"post": "yes"})

    assert not PlatformCredential.objects.exists()
    assert audit_entries("credential_deleted")[0].changes == {"name": ["Main", ""]}


def test_c2_where_a_host_changes_the_credentials_to_enter_anew_are_named(pages, account, address):
    for name in ("First", "Second"):
        CredentialFactory.create(platform_connection=account, name=name)

    moved = {"name": "Genesys", "platform": "genesys", "region": "mypurecloud.de", "is_active": "on", **YES}
    answer = pages.post(address(account), moved, follow=True)

    [told, *_] = [str(message) for message in answer.context["messages"]]
    assert told == "Genesys leads elsewhere now. Enter these credentials anew, each on its own page: First, Second."
