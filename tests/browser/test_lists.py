import pytest
from playwright.sync_api import expect

from tests.browser.addresses import list_of, page_of
from tests.browser.forms import field, save

pytestmark = pytest.mark.browser

# What finds one row, and a filter that leaves some.
FOUND_BY = {
    "tenants_tenant": ("umbrella", "No"),
    "tenants_member": ("bob", "Operator"),
    "tenants_user": ("bob", "Yes"),
    "tenants_platformconnection": ("CXone", "NICE CXone"),
    "tenants_platformcredential": ("Main", "Yes"),
    "tenants_channel": ("web-chat", "Genesys production"),
    "tenants_oauthclient": ("bridge", "web-chat"),
    "tenants_throttlepolicy": ("nightly", "Acme Travel"),
    "tenants_policyversion": ("slower", "Retired"),
    "relay_trafficrollup": ("web-chat", "Day"),
    "relay_throttleepisode": ("connection", "Acme Travel"),
    "relay_handshakerollup": ("rate_limited", "Day"),
    "relay_relayprocess": ("5f1c", "No"),
    "relay_gap": ("90ab", "Records were lost"),
    "auditlog_logentry": ("speech-analytics", "root"),
    "django_celery_beat_periodictask": ("rebuild", "Yes"),
}


def rows(page):
    return page.locator("#result_list tbody tr")


def test_every_list_can_be_searched(admin, content):
    for kind, (words, _) in FOUND_BY.items():
        admin.goto(list_of(kind))
        admin.get_by_role("textbox", name="Type to search").fill(words)
        admin.keyboard.press("Enter")
        expect(rows(admin)).to_have_count(1)


def test_every_list_can_be_filtered_by_keyboard_alone(admin, content):
    for kind, (_, choice) in FOUND_BY.items():
        admin.goto(list_of(kind))
        admin.get_by_role("button", name="Filters").focus()
        admin.keyboard.press("Enter")
        admin.locator("#changelist-filter").get_by_role("link", name=choice, exact=True).first.press("Enter")
        admin.wait_for_url("**/?*=*")
        expect(rows(admin).first).to_be_visible()


def test_the_audit_log_tells_who_changed_what_from_which_value_to_which(admin, content):
    admin.goto(page_of(content.client))
    field(admin, "Token life, in seconds").fill("900")
    save(admin)
    admin.goto(page_of(content.client))
    admin.locator("main").get_by_role("link", name="History").click()

    entry = rows(admin).first
    for words in ("root", "client changed", "OAuth client Web chat bridge", "token life seconds: 600 → 900"):
        expect(entry).to_contain_text(words)
