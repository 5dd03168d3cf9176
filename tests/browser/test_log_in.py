import pytest
from playwright.sync_api import expect

from tests.browser.forms import field

pytestmark = pytest.mark.browser

PASSWORD = "a long password for tests"
MOST_TABS = 5


@pytest.fixture
def locked(page, root):
    """The log-in, to which an administrator with a password was sent."""
    root.set_password(PASSWORD)
    root.save()
    page.goto("/admin/")
    return page


def heading(page, name):
    return page.get_by_role("heading", name=name)


def type_in(page, name, password):
    """Log in by keys alone, as somebody who presses Tab until the field is reached."""
    username = field(page, "Username")
    expect(username).to_be_visible()
    for _ in range(MOST_TABS):
        if username.evaluate("field => field === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(username).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def test_an_administrator_logs_in_by_keyboard_alone_and_sees_the_overview(locked):
    type_in(locked, "root", PASSWORD)

    expect(heading(locked, "Overview")).to_be_visible()
    expect(heading(locked, "Waiting for you")).to_be_visible()


def test_a_wrong_password_is_told_and_the_name_stays(locked, pictures):
    type_in(locked, "root", "something else")

    expect(locked.get_by_text("Wrong username or password.")).to_be_visible()
    expect(field(locked, "Username")).to_have_value("root")
    pictures.take(locked, "log-in")


def test_an_administrator_logs_out_by_keyboard_alone(admin):
    admin.goto("/admin/")
    admin.get_by_role("button", name="root").focus()
    admin.keyboard.press("Enter")
    admin.get_by_role("button", name="Log out").focus()
    admin.keyboard.press("Enter")

    expect(admin.get_by_text("Logged out", exact=False).first).to_be_visible()
    admin.goto("/admin/")
    expect(field(admin, "Username")).to_be_visible()
