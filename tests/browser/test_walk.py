"""Every page of the admin by keyboard and in the dark: it takes minutes, so `make conformance` does it."""

import pytest

from tests.browser.accessibility import violations
from tests.browser.addresses import every_page, form_for, page_of
from tests.browser.pictures import set_theme
from tests.browser.walk import bright_boxes, faults_by_keyboard

pytestmark = [pytest.mark.browser, pytest.mark.conformance, pytest.mark.timeout(600)]


@pytest.fixture(params=[1440, 390])
def width(request, admin):
    admin.set_viewport_size({"width": request.param, "height": 900})
    return request.param


@pytest.fixture
def faults(admin, width):
    """What is wrong with the page that is open, each with the page's name."""

    def found(name):
        for theme in ("light", "dark"):
            set_theme(admin, theme)
            yield from (f"{name}, {theme}: {violation}" for violation in violations(admin))
        yield from (f"{name}, bright in the dark: {box}" for box in bright_boxes(admin))
        if (wide := admin.evaluate("document.documentElement.scrollWidth")) > width:
            yield f"{name} is {wide} pixels wide"
        yield from (f"{name}: {fault}" for fault in faults_by_keyboard(admin))

    return found


def test_every_page_is_reached_seen_and_read(admin, content, faults):
    found = []
    for name, address in every_page(content).items():
        admin.goto(address)
        found += faults(name)

    assert found == []


def test_pages_that_answer_a_form_are_reached_seen_and_read(admin, content, faults):
    found = []
    admin.goto(page_of(content.client, "rotate-secret"))
    admin.get_by_role("button", name="Rotate the secret of").click()
    found += faults("secret")

    for kind in ("tenants_tenant", "tenants_platformconnection", "tenants_oauthclient"):
        admin.goto(form_for(kind))
        admin.get_by_role("button", name="Save", exact=True).click()
        found += faults(f"errors of {kind}")

    assert found == []


def test_the_page_to_log_in_is_reached_seen_and_read(admin, faults):
    admin.context.clear_cookies()
    admin.goto("/admin/")

    assert list(faults("log-in")) == []
