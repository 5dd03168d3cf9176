import pytest

from tests.browser.accessibility import violations
from tests.browser.addresses import every_page
from tests.browser.pictures import set_theme

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES_THAT_DIFFER = (  # one of each kind: the others are made of the same parts
    "overview",
    "list-oauthclient",
    "list-trafficrollup",
    "list-relayprocess",
    "add-channel",
    "page-client",
    "page-policy",
    "page-traffic",
    "page-gap",
    "page-version-draft",
    "page-version-retired",
    "ask-delete",
    "ask-credential",
    "nothing-matches",
)
SMALLEST = {"width": 320, "height": 900}


def test_axe_finds_nothing_in_any_kind_of_page(admin, content):
    pages = every_page(content)
    found = []
    for name in PAGES_THAT_DIFFER:
        admin.goto(pages[name])
        found += [f"{name}: {violation}" for violation in violations(admin)]
        set_theme(admin, "dark")
        found += [f"{name}, dark: {violation}" for violation in violations(admin, runOnly=["color-contrast"])]

    assert found == []


def test_no_kind_of_page_scrolls_sideways_on_the_smallest_screen(admin, content, pictures):
    admin.set_viewport_size(SMALLEST)
    pages = every_page(content)
    too_wide = []
    for name in pages if pictures.folder else PAGES_THAT_DIFFER:
        admin.goto(pages[name])
        width = admin.evaluate("document.documentElement.scrollWidth")
        if width > SMALLEST["width"]:
            too_wide.append(f"{name} is {width} pixels wide")
        pictures.take(admin, name)

    assert too_wide == []
