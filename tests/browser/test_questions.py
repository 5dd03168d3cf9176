import pytest
from playwright.sync_api import expect

from tenants.models.clients import OAuthClient
from tests.browser.addresses import page_of
from tests.browser.forms import field
from tests.tenants.factories import ClientFactory

pytestmark = pytest.mark.browser


@pytest.fixture
def bridge(acme):
    return ClientFactory.create(tenant=acme, name="Bridge")


def test_rotating_a_secret_asks_first_and_names_the_client(admin, bridge):
    admin.goto(page_of(bridge))
    admin.get_by_role("link", name="Rotate secret").click()
    expect(admin.get_by_role("heading", name="Give Bridge another secret?")).to_be_visible()
    admin.get_by_role("link", name="Cancel").click()

    expect(field(admin, "Name")).to_have_value("Bridge")
    assert OAuthClient.objects.get().client_secret == bridge.client_secret


def test_disabling_a_client_asks_first_and_names_the_client(admin, bridge):
    admin.goto(page_of(bridge))
    admin.get_by_role("link", name="Disable").click()
    expect(admin.get_by_role("heading", name="Disable Bridge?")).to_be_visible()
    expect(admin.get_by_text("its connections are closed within a second")).to_be_visible()
    assert OAuthClient.objects.get().is_active
    admin.get_by_role("button", name="Disable Bridge").click()

    expect(admin.get_by_text("Bridge is disabled.")).to_be_visible()
    expect(admin.get_by_role("link", name="Enable")).to_be_visible()


def test_suspending_a_tenant_asks_first_and_names_the_tenant(admin, acme):
    admin.goto(page_of(acme))
    admin.get_by_role("link", name="Suspend").click()
    expect(admin.get_by_role("heading", name="Suspend Acme?")).to_be_visible()
    acme.refresh_from_db()
    assert acme.is_active
    admin.get_by_role("button", name="Suspend Acme").click()

    expect(admin.get_by_text("Acme is suspended.")).to_be_visible()


def test_deleting_a_client_asks_first_and_its_button_names_the_client(admin, bridge):
    admin.goto(page_of(bridge))
    admin.get_by_role("link", name="Delete OAuth client").click()
    assert OAuthClient.objects.exists()
    admin.get_by_role("button", name="Delete Bridge").click()

    expect(admin.get_by_text("was deleted successfully")).to_be_visible()
    assert not OAuthClient.objects.exists()
