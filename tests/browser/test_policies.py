import time

import pytest
from playwright.sync_api import expect

from relay.store import keys
from relay.store.pool import blocking
from relay.store.receipts import CONFIRM, KEPT_MS
from tenants.actions.clients import change_client
from tenants.models.policies import PolicyVersion, ThrottlePolicy
from tests.browser.addresses import form_for, page_of
from tests.browser.forms import field, save
from tests.tenants.factories import ClientFactory, DraftFactory, ZoneFactory

pytestmark = pytest.mark.browser

STAY = "Save and continue editing"


@pytest.fixture
def draft(acme):
    """A draft with the zone ``client`` of 100 messages a second."""
    version = DraftFactory.create(policy__tenant=acme, policy__name="Web chat", number=1)
    return ZoneFactory.create(version=version).version


def open_zone(page, title):
    """A zone's fields, which a click on its title opens."""
    page.get_by_role("button", name=title).click()
    return page.locator(".form-group", has=page.get_by_role("button", name=title))


def test_a_new_policy_opens_its_first_draft_with_zones_that_are_changed_and_added(admin, acme):
    admin.goto(form_for("tenants_throttlepolicy"))
    field(admin, "Tenant").select_option("Acme")
    field(admin, "Name").fill("Web chat")
    save(admin)
    field(open_zone(admin, "client: 100 messages"), "Permits").fill("60")
    admin.get_by_text("Add another Zone").click()
    added = admin.locator(".form-group", has=admin.get_by_role("button", name="New zone"))
    field(added, "Name").fill("nightly")
    field(added, "Permits").fill("5000")
    save(admin, STAY)

    expect(admin.get_by_role("button", name="client: 60 messages a second for each client")).to_be_visible()
    zones = dict(PolicyVersion.objects.get().zones.values_list("name", "permits"))
    assert (zones["client"], zones["nightly"]) == (60, 5000)


def test_delay_30_with_burst_20_is_refused_beside_the_field_with_the_reason(admin, draft, pictures):
    admin.goto(page_of(draft))
    zone = open_zone(admin, "client: 100 messages")
    field(zone, "Burst").fill("20")
    field(zone, "Delay").fill("30")
    save(admin, STAY)

    reason = "Delay is 30 and burst is 20, but delay must lie between 0 and burst"
    expect(admin.locator(".field-delay").filter(has_text=reason)).to_be_visible()
    pictures.take(admin, "refused-zone")
    assert draft.zones.get().delay == 0


def test_publishing_asks_and_then_the_clients_page_shows_the_limits_in_force(admin, draft, root):
    client = ClientFactory.create(tenant=draft.policy.tenant)
    change_client(client, {"throttle_policy": draft.policy}, acting_user=root)
    admin.goto(page_of(client))
    expect(admin.get_by_text("By Floodgate's defaults")).to_be_visible()

    admin.goto(page_of(draft))
    admin.get_by_role("link", name="Publish").click()
    expect(admin.get_by_role("heading", name="Publish Web chat version 1")).to_be_visible()
    admin.get_by_role("button", name="Publish version 1").click()
    expect(admin.get_by_text("Web chat version 1 is in force.")).to_be_visible()

    admin.goto(page_of(client))
    expect(admin.get_by_text("By its own policy, Web chat, version 1")).to_be_visible()
    expect(admin.get_by_text("100 messages a second for each client")).to_be_visible()


def test_after_publishing_the_receipt_follows_without_a_reload(admin, draft):
    tenant_id = str(draft.policy.tenant_id)
    blocking().zadd(keys.workers(), {"7-5f1c": (time.time() + 60) * 1_000_000})
    admin.goto(page_of(draft, "publish"))
    expect(admin.get_by_text("client is added: 100 messages a second")).to_be_visible()
    field(admin, "Reason").fill("As agreed")
    admin.get_by_role("button", name="Publish version 1").click()
    expect(admin.get_by_text("version 1 enforced by 0 of 1 workers")).to_be_visible()

    [(entry_id, _)] = blocking().xrange(keys.announcements())
    CONFIRM.run_in_thread([keys.receipts(tenant_id), keys.announced(tenant_id)], ["7-5f1c", entry_id, "0-0", KEPT_MS])

    expect(admin.get_by_text("version 1 enforced by 1 of 1 workers after")).to_be_visible()
    expect(admin.get_by_text("As agreed")).to_be_visible()


def test_a_policys_page_leads_to_each_of_its_versions(admin, draft):
    admin.goto(page_of(ThrottlePolicy.objects.get()))
    admin.get_by_role("row", name="Draft").get_by_role("link", name="1").click()

    expect(admin.get_by_text("A zone is one limit.")).to_be_visible()
