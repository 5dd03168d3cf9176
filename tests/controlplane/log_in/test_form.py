import pytest
from django.test import Client

from controlplane.log_in.attempts import LOG_IN_BURST
from controlplane.log_in.backend import log_in_attempts
from controlplane.log_in.form import NO_ADMINISTRATOR
from tests.tenants.factories import UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "a long password for tests"


@pytest.fixture(autouse=True)
def at_rest():
    """Zones at rest."""
    log_in_attempts.cache_clear()


def test_staff_with_the_right_password_are_told_that_only_administrators_come_in(client):
    person = UserFactory.create(is_staff=True)
    person.set_password(PASSWORD)
    person.save()

    right = client.post("/admin/login/", {"username": person.username, "password": PASSWORD})
    wrong = client.post("/admin/login/", {"username": person.username, "password": "wrong"})

    assert NO_ADMINISTRATOR in right.content.decode()
    assert NO_ADMINISTRATOR not in wrong.content.decode()
    assert client.get("/admin/").status_code == 302


@pytest.fixture
def come_in(root):
    """Logs root in with the right password."""
    root.set_password(PASSWORD)
    root.save()
    form = {"username": "root", "password": PASSWORD}
    return lambda browser, wanted: browser.post(f"/admin/login/?next={wanted}", {**form, "next": wanted})


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_who_comes_in_is_led_to_no_other_site(wanted, client, come_in):
    assert come_in(client, wanted)["Location"] == "/admin/"


def test_who_comes_in_has_another_session_than_before(client, come_in):
    client.cookies["sessionid"] = "f" * 32  # somebody else's choice

    come_in(client, "/admin/")

    assert client.cookies["sessionid"].value != "f" * 32


def test_a_log_in_that_another_site_sends_is_refused_and_charged_to_nobody(root, come_in):
    browser = Client(enforce_csrf_checks=True)
    statuses = {come_in(browser, "/admin/").status_code for _ in range(LOG_IN_BURST + 2)}

    assert statuses == {403}
    assert come_in(Client(), "/admin/").status_code == 302
