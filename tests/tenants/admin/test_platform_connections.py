import pytest
from django.urls import reverse

from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import CredentialState
from tests.tenants.admin.answers import YES
from tests.tenants.factories import ChannelFactory, PlatformConnectionFactory, secret_of

pytestmark = pytest.mark.django_db

CREDENTIAL = {"client_id": "id", "client_secret": " canary ", "access_key_id": "", "access_key_secret": ""}


@pytest.fixture
def row(acme):
    return PlatformConnectionFactory.create(tenant=acme, name="Genesys")


def form(**values):
    return {"name": "Genesys", "platform": "genesys", "region": "mypurecloud.ie", "is_active": "on", **values}


def test_a_new_one_goes_on_with_its_credential(pages, acme):
    answer = pages.post(reverse("admin:tenants_platformconnection_add"), form(tenant=acme.pk), follow=True)

    assert "Set its credential" in str(next(iter(answer.context["messages"])))
    assert PlatformConnection.objects.get().credential_state is CredentialState.MISSING


def test_a_credential_goes_in_as_it_was_typed(told, row, address):
    assert told(address(row, "set-credential"), CREDENTIAL) == ["Genesys has a new credential."]

    row.refresh_from_db()
    assert secret_of(row).client_secret == " canary "


def test_no_page_ever_shows_a_credential(pages, row, address):
    pages.post(address(row, "set-credential"), CREDENTIAL)

    shown = "".join(pages.get(path).content.decode() for path in (address(row), address(row, "set-credential")))
    log = pages.get("/admin/auditlog/logentry/").content.decode()

    row.refresh_from_db()
    assert "canary" not in shown + log
    assert row.credentials.get().encrypted_secret not in shown + log


def test_a_refused_credential_is_not_shown_again_either(pages, row, address):
    answer = pages.post(address(row, "set-credential"), {**CREDENTIAL, "client_id": ""})

    assert answer.context["form"].errors.keys() == {"client_id"}
    assert b"canary" not in answer.content


def test_b4_a_changed_host_asks_for_the_credential_in_the_same_step(pages, row, address):
    answer = pages.post(address(row), form(region="mypurecloud.de"))

    [error] = answer.context["adminform"].form.errors["client_id"]
    assert error == (
        "The credential was entered for https://login.mypurecloud.ie and wss://webapis.mypurecloud.ie, not for"
        " https://login.mypurecloud.de and wss://webapis.mypurecloud.de. Enter it anew."
    )
    row.refresh_from_db()
    assert row.region == "mypurecloud.ie"


def test_b4_with_the_credential_the_host_changes(pages, row, address):
    pages.post(address(row), form(region="mypurecloud.de", **YES, **CREDENTIAL))

    row.refresh_from_db()
    assert (row.region, row.credential_state) == ("mypurecloud.de", CredentialState.STORED)
    assert secret_of(row).client_secret == " canary "


def test_b4_a_credential_that_leads_elsewhere_is_told(pages, row, address):
    PlatformConnection.objects.update(socket_url="wss://evil.example/{channel}")

    for page in (address(row), reverse("admin:tenants_platformconnection_changelist")):
        assert "Enter anew: the address changed" in pages.get(page).content.decode()


def test_a_new_one_can_have_its_credential_at_once(told, acme):
    address = reverse("admin:tenants_platformconnection_add")

    assert told(address, form(tenant=acme.pk, **CREDENTIAL)) == ["Genesys is there, with its credential."]
    assert PlatformConnection.objects.get().credential_state is CredentialState.STORED


def test_half_a_credential_is_refused(pages, row, address):
    answer = pages.post(address(row), form(client_id="id"))

    assert "both client ID and secret" in str(answer.context["adminform"].form.errors)


@pytest.mark.parametrize("half", [{"access_key_id": "key"}, {"access_key_secret": "secret"}])
def test_half_an_access_key_is_refused(half, pages, row, address):
    answer = pages.post(address(row, "set-credential"), {**CREDENTIAL, **half})

    assert "both ID and secret" in str(answer.context["form"].errors)


def test_a_change_leaves_the_credential(pages, row, address, audit_entries):
    before = row.credentials.get().encrypted_secret

    pages.post(address(row), form(is_active="", **YES))

    row.refresh_from_db()
    assert (row.is_active, row.credentials.get().encrypted_secret) == (False, before)
    assert audit_entries("platform_connection_changed")[0].changes == {"is_active": ["True", "False"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [("socket_url", "https://host/{channel}"), ("token_url", "ftp://host"), ("region", "nowhere"), ("name", "")],
)
def test_what_makes_no_sense_is_refused_at_its_field(field, value, pages, row, address):
    answer = pages.post(address(row), form(**{field: value}))

    assert field in answer.context["adminform"].form.errors


def test_cxone_without_its_tenant_is_refused_with_what_to_do(pages, acme):
    add = reverse("admin:tenants_platformconnection_add")

    answer = pages.post(add, form(tenant=acme.pk, platform="cxone", region=""))
    [sentence] = answer.context["adminform"].form.errors["platform_tenant"]
    assert sentence == (
        "Sockets lead to wss://api.nice-incontact.com/realtime/{tenant}/{channel}. Enter the tenant's id on the"
        " platform: it stands there."
    )

    pages.post(add, form(tenant=acme.pk, platform="cxone", region="", platform_tenant="4711"))
    assert PlatformConnection.objects.get().platform_tenant == "4711"


def test_one_that_was_stored_before_that_was_refused_can_be_switched_off(pages, row, address):
    PlatformConnection.objects.update(platform="cxone", region="")

    pages.post(address(row), form(platform="cxone", region="", is_active="", **YES))

    row.refresh_from_db()
    assert not row.is_active


def test_cxone_with_a_region_of_genesys_is_refused(pages, acme):
    values = form(tenant=acme.pk, platform="cxone", platform_tenant="4711")

    answer = pages.post(reverse("admin:tenants_platformconnection_add"), values)

    assert "CXone has none" in answer.context["adminform"].form.errors["region"][0]


def test_an_address_with_a_region_that_nobody_chose_is_refused(pages, row, address):
    addresses = {"token_url": "https://login.{region}/oauth/token", "socket_url": "wss://host.example/{channel}"}

    answer = pages.post(address(row), form(region="", **addresses))

    assert "Choose the region" in str(answer.context["adminform"].form.errors["region"])


def test_regions_are_offered_with_their_domain(pages):
    page = pages.get(reverse("admin:tenants_platformconnection_add")).content.decode()

    assert "eu-west-1: mypurecloud.ie" in page


def test_a_new_one_is_offered_no_policy_of_any_tenant(pages):
    assert "throttle_policy" not in pages.get(reverse("admin:tenants_platformconnection_add")).content.decode()


def test_genesys_without_a_region_is_refused_with_what_to_do(pages, row, address):
    answer = pages.post(address(row), form(region=""))

    assert "Choose a region, or enter both addresses." in answer.content.decode()


def test_one_that_a_channel_uses_is_not_deleted_and_says_why(pages, row, address):
    ChannelFactory.create(tenant=row.tenant, platform_connection=row)

    pages.post(address(row, "delete"), {"post": "yes"})

    assert PlatformConnection.objects.exists()
