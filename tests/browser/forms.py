"""Fills in the admin's forms as people do: by what stands above a field and on a button."""

import re

from playwright.sync_api import Locator, Page


def field(form: Page | Locator, label: str) -> Locator:
    """The field below a label; a star behind it, which says that it must be filled in, does not count."""
    return form.get_by_label(re.compile(rf"^\s*{re.escape(label)}\s*\*?\s*$"))


def save(page: Page, button: str = "Save") -> None:
    """Click the button with just this text."""
    page.get_by_role("button", name=button, exact=True).click()
