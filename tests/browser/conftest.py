import os
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import LAUNCH, PATIENCE_MS
from tests.browser.content import furnished
from tests.browser.pictures import Pictures
from tests.browser.watching import watched

WIDE = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    """A Chromium for the tests of one file.

    Playwright keeps a loop in this thread: Django would refuse its database for that, though nothing here is async;
    and tests with loops of their own could not begin, so it ends with the file, not with the test session.
    """
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=PATIENCE_MS)
        with playwright.chromium.launch(**LAUNCH) as chromium:
            yield chromium


@pytest.fixture
def page(browser, live_server, redis):
    """An empty page of somebody who is not logged in. What goes wrong in it fails the test."""
    with browser.new_context(base_url=live_server.url, viewport=WIDE, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        faults = watched(page)
        yield page
    assert faults == []


@pytest.fixture
def session_cookie(root, client, live_server):
    """What a browser has in which root is logged in."""
    client.force_login(root)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    return {"name": cookie.key, "value": cookie.value, "url": live_server.url}


@pytest.fixture
def admin(page, session_cookie):
    """A page of root, who is logged in."""
    page.context.add_cookies([session_cookie])
    return page


@pytest.fixture
def content(transactional_db, redis, root):
    """Tenants with all that belongs to them, as after some weeks of use."""
    return furnished(root)


@pytest.fixture
def pictures():
    """Keeps a picture of each page that it is shown, in the folder FLOODGATE_SCREENSHOTS; without one, none."""
    folder = os.environ.get("FLOODGATE_SCREENSHOTS")
    return Pictures(Path(folder) if folder else None)
