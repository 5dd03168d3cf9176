import re

import pytest
from playwright.sync_api import Error, expect

from tenants.models.channels import Channel
from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import CredentialState
from tenants.models.tenants import Tenant
from tests.browser.addresses import form_for, list_of, page_of
from tests.browser.forms import field, save
from tests.tenants.factories import ClientFactory, PlatformConnectionFactory

pytestmark = pytest.mark.browser

PLATFORM_SECRET = "canary-platform-secret"
FIRST_STEPS = {
    "tenants_tenant": "Add one, then a platform connection, a channel and a client for it.",
    "tenants_member": "A member is a person in a tenant.",
    "tenants_platformconnection": "account on Genesys Cloud CX or NICE CXone",
    "tenants_platformcredential": "Several of one platform connection share its traffic.",
    "tenants_channel": "add one of those first",
    "tenants_oauthclient": "Add one, then give it channels and scopes.",
    "tenants_throttlepolicy": "Add one, change its zones, publish it, then choose it for a client.",
}


def the_secret(page):
    """The secret that the page shows."""
    return page.get_by_text(re.compile("^fgs_")).inner_text()


def test_an_empty_list_says_what_to_do_first_and_leads_there(admin, pictures):
    for kind, first_step in FIRST_STEPS.items():
        admin.goto(list_of(kind))
        expect(admin.get_by_text(first_step)).to_be_visible()
        pictures.take(admin, f"empty-{kind}")
        expect(admin.locator("main").get_by_role("link", name="Add ").last).to_have_attribute("href", form_for(kind))


def test_a_tenant_is_created(admin):
    admin.goto(form_for("tenants_tenant"))
    field(admin, "Name").fill("Acme")
    field(admin, "Slug").fill("acme")
    save(admin)

    expect(admin.get_by_text("was added successfully")).to_be_visible()
    assert Tenant.objects.get().slug == "acme"


def test_what_is_wrong_in_a_form_is_said_beside_its_field(admin):
    admin.goto(form_for("tenants_tenant"))
    field(admin, "Name").fill("Acme")
    field(admin, "Slug").fill("Acme Travel")
    save(admin)

    expect(admin.locator(".field-slug")).to_contain_text("Use up to 64 small letters, digits and hyphens.")
    expect(field(admin, "Name")).to_have_value("Acme")


def test_a_platform_connections_credential_goes_in_and_is_never_shown_again(admin, acme):
    admin.goto(form_for("tenants_platformconnection"))
    field(admin, "Tenant").select_option("Acme")
    field(admin, "Name").fill("Genesys production")
    field(admin, "Region").select_option("eu-west-1: mypurecloud.ie")
    save(admin)
    admin.get_by_role("link", name="Set credential").click()
    field(admin, "Client ID").fill("platform-id")
    field(admin, "Client secret").fill(PLATFORM_SECRET)
    admin.get_by_role("button", name="Store the credential").click()

    expect(admin.get_by_text("Stored, encrypted")).to_be_visible()
    assert PlatformConnection.objects.get().credential_state is CredentialState.STORED
    for button in ("change", "set-credential"):
        admin.goto(page_of(PlatformConnection.objects.get(), button))
        assert PLATFORM_SECRET not in admin.content()


def test_a_channel_is_created(admin, acme):
    PlatformConnectionFactory.create(tenant=acme, name="Genesys production")
    admin.goto(form_for("tenants_channel"))
    field(admin, "Name").fill("web-chat")
    field(admin, "Platform connection").select_option("Acme: Genesys production")
    save(admin)

    expect(admin.get_by_text("was added successfully")).to_be_visible()
    assert Channel.objects.get().tenant == acme


def test_a_new_clients_secret_is_shown_once_and_neither_after_reload_nor_after_going_back(admin, acme):
    admin.goto(form_for("tenants_oauthclient"))
    field(admin, "Tenant").select_option("Acme")
    field(admin, "Name").fill("Web chat bridge")
    save(admin)
    expect(admin.get_by_text("This is the only time you see it.")).to_be_visible()
    secret = the_secret(admin)
    admin.get_by_role("link", name="I have copied it").click()
    expect(admin.get_by_text(f"ends in {secret[-4:]}")).to_be_visible()

    admin.reload()
    expect(admin.locator("body")).not_to_contain_text(secret)
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        admin.go_back()
    expect(admin.locator("body")).not_to_contain_text(secret)


def test_a_rotated_secret_is_shown_once(admin, acme, pictures):
    client = ClientFactory.create(tenant=acme, name="Bridge")
    admin.goto(page_of(client, "rotate-secret"))
    admin.get_by_role("button", name="Rotate the secret of Bridge").click()
    secret = the_secret(admin)
    pictures.take(admin, "secret")
    admin.context.grant_permissions(["clipboard-read", "clipboard-write"])
    admin.get_by_role("button", name="Copy the client secret").press("Enter")
    expect(admin.get_by_role("button", name="Copy the client secret")).to_have_text("Copied")
    assert admin.evaluate("navigator.clipboard.readText()") == secret

    admin.goto(page_of(client))
    expect(admin.get_by_text(f"ends in {secret[-4:]}")).to_be_visible()
    assert secret not in admin.content()
