import re

import pytest
from playwright.sync_api import expect

from tenants.actions.channels import change_channel
from tenants.models.platform_connections import PlatformConnection
from tests.browser.accessibility import tab_to, violations
from tests.browser.addresses import form_for, page_of
from tests.browser.forms import field
from tests.browser.pictures import set_theme
from tests.browser.walk import bright_boxes, faults_by_keyboard
from tests.controlplane.platform import platform_beside
from tests.tenants.factories import ChannelFactory, DraftFactory, PlatformConnectionFactory, ZoneFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("width", [1440, 390]),
    pytest.mark.parametrize("theme", ["light", "dark"]),
]


@pytest.fixture
def channel(acme):
    return ChannelFactory.create(tenant=acme, name="chat", platform_channel="before")


@pytest.fixture
def keyboard(admin, width, theme):
    """Types into fields and presses buttons of the admin, by keyboard alone."""
    admin.set_viewport_size({"width": width, "height": 900})

    def reach(target, *keys, text=""):
        set_theme(admin, theme)
        tab_to(admin, target)
        for key in keys:
            admin.keyboard.press(key)
        if text:
            admin.keyboard.type(text)

    return reach


@pytest.fixture
def faults(admin, theme, pictures):
    """What is wrong with the page, as it is after a save; a picture of it by that name."""

    def found(name):
        pictures.take(admin, name)
        set_theme(admin, theme)
        return [*violations(admin), *(bright_boxes(admin) if theme == "dark" else ()), *faults_by_keyboard(admin)]

    return found


def test_who_saves_later_sees_theirs_yours_and_before(admin, keyboard, faults, channel, root):
    admin.goto(page_of(channel))
    keyboard(field(admin, "Platform channel"), "Control+A", text="mine")
    change_channel(channel, {"platform_channel": "theirs"}, acting_user=root)
    keyboard(save_button(admin), "Enter")

    expect(admin.get_by_text("What somebody else changed")).to_be_visible()
    for text in ("before", "theirs", "mine"):
        expect(admin.locator(".plain-table").get_by_role("cell").filter(has_text=text)).to_be_visible()
    assert faults("conflict") == []

    keyboard(save_button(admin), "Enter")
    expect(admin.get_by_text("was changed successfully")).to_be_visible()
    channel.refresh_from_db()
    assert channel.platform_channel == "mine"


def test_a_change_that_ends_connections_asks_and_keeps_what_was_typed(admin, keyboard, faults, channel):
    admin.goto(page_of(channel))
    keyboard(field(admin, "Name"), "Control+A", text="orders")
    keyboard(save_button(admin), "Enter")

    expect(admin.get_by_text("tick the box")).to_be_visible()
    expect(field(admin, "Name")).to_have_value("orders")
    assert faults("ending") == []

    keyboard(field(admin, "Yes, do this"), "Space")
    keyboard(save_button(admin), "Enter")
    expect(admin.get_by_text("was changed successfully")).to_be_visible()
    channel.refresh_from_db()
    assert channel.name == "orders"


def test_cxone_without_its_tenant_says_what_to_enter(admin, keyboard, faults, acme):
    admin.goto(form_for("tenants_platformconnection"))
    keyboard(field(admin, "Tenant"), text="Acme")
    keyboard(field(admin, "Name"), text="CXone")
    keyboard(field(admin, "Platform"), text="NICE")
    keyboard(save_button(admin), "Enter")

    expect(admin.get_by_text("Enter the tenant's id on the platform")).to_be_visible()
    assert faults("cxone") == []

    keyboard(field(admin, "Platform tenant"), text="4711")
    keyboard(save_button(admin), "Enter")
    expect(admin.get_by_text("Set its credential")).to_be_visible()
    assert PlatformConnection.objects.get().platform_tenant == "4711"


def test_a_platform_connection_is_tested_by_keyboard(admin, keyboard, faults, acme, width):
    with platform_beside() as simulator:
        connection = PlatformConnectionFactory.create(
            tenant=acme,
            name="Genesys",
            token_url=f"{simulator.url}/oauth/token",
            socket_url=f"{simulator.ws_url}/v2/websocket/{{channel}}",
        )
        admin.goto(page_of(connection))
        if width < 1024:  # Unfold's lg
            keyboard(admin.get_by_role("link", name="more"), "Enter")
        keyboard(admin.get_by_role("link", name=re.compile("Test$")), "Enter")
        expect(admin.get_by_role("heading", name="Test Genesys?")).to_be_visible()
        keyboard(admin.get_by_role("button", name="Test Genesys"), "Enter")

        expect(admin.get_by_text("the token endpoint answered 401 invalid_client")).to_be_visible()
        assert faults("trial") == []
        keyboard(admin.get_by_role("link", name="Back to the platform connection"), "Enter")
    expect(field(admin, "Name")).to_have_value("Genesys")
    expect(admin.get_by_text("401 invalid_client")).to_be_visible()  # the last refusal stands on the page


def test_the_menu_opens_leads_on_and_closes(admin, keyboard, width):
    admin.goto(form_for("tenants_tenant"))
    if width < 1280:  # Unfold's xl
        expect(admin.locator("#nav-sidebar a", has_text="Overview")).to_be_hidden()
        keyboard(admin.locator("#menu-button"), "Enter")
        expect(admin.locator("#nav-sidebar a", has_text="Overview")).to_be_visible()
        admin.keyboard.press("Escape")
        expect(admin.locator("#nav-sidebar a", has_text="Overview")).to_be_hidden()
        keyboard(admin.locator("#menu-button"), "Enter")
    keyboard(admin.locator("#nav-sidebar a", has_text="Channels"), "Enter")

    expect(admin).to_have_url(re.compile("/admin/tenants/channel/$"))


def test_a_zone_is_deleted_and_a_new_one_taken_away(admin, keyboard, acme):
    draft = ZoneFactory.create(version=DraftFactory.create(policy__tenant=acme, number=1)).version
    admin.goto(page_of(draft))
    keyboard(admin.locator("a.add-row"), "Enter")
    keyboard(admin.get_by_role("button", name="Take this new one away"), "Enter")
    expect(admin.get_by_role("button", name="New zone")).to_have_count(0)
    keyboard(admin.get_by_role("checkbox", name="Delete client"), "Space")
    keyboard(admin.get_by_role("button", name="Save and continue editing"), "Enter")

    expect(admin.get_by_text("was changed successfully")).to_be_visible()
    assert not draft.zones.exists()


def save_button(page):
    return page.get_by_role("button", name="Save", exact=True)
