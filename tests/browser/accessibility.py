"""Asks axe which rules of accessibility an open page breaks, and moves through a page as keyboards do."""

from collections.abc import Collection, Iterator

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

ALL = ("minor", "moderate", "serious", "critical")
MOST_STOPS = 150  # more than any page has


def violations(page: Page, impacts: Collection[str] = ALL, **options: object) -> Iterator[str]:
    """The rules that a page breaks, with the first place where it does."""
    for violation in Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]:
        if violation["impact"] in impacts:
            yield f"{violation['id']} at {violation['nodes'][0]['html'][:300]}"


def tab_to(page: Page, target: Locator) -> None:
    """Press the tab key until something has the focus.

    Raises:
        AssertionError: the tab key never reaches it.
    """
    for _ in range(MOST_STOPS):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"The tab key never reaches {target}.")
