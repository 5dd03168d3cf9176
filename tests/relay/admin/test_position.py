import re

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db
KINDS = ["trafficrollup", "handshakerollup", "relayprocess", "gap", "streamposition"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def addresses(kind, row):
    """The list of a kind, and a row's page."""
    return [reverse(f"admin:relay_{kind}_changelist"), reverse(f"admin:relay_{kind}_change", args=[row.pk])]


def test_the_position_is_told_with_its_times(pages, rows):
    page = pages.get(reverse("admin:relay_streamposition_changelist")).content.decode()

    for words in ("1000-0", "2026-11-24 12:00:00 UTC", "never"):
        assert words in page


def test_f19_the_page_tells_how_far_the_roll_up_is_behind(pages, rows):
    page = pages.get(reverse("admin:relay_streamposition_changelist")).content.decode()

    assert "Behind by" in page
    assert re.search(r">\s*0 s\s*<", page)


def test_without_redis_the_page_says_that_nobody_knows(pages, rows, own_server):
    with own_server.frozen():
        page = pages.get(reverse("admin:relay_streamposition_changelist")).content.decode()

    assert "unknown: Redis does not answer" in page


@every_kind
def test_telemetry_can_be_read_but_never_changed(kind, pages, rows):
    opened = addresses(kind, rows[kind])

    assert [pages.get(address).status_code for address in opened] == [200, 200]
    for button in ("change", "delete"):
        address = opened[1].replace("change/", f"{button}/")
        assert pages.post(address, {"post": "yes", "tenant": "x"}).status_code == 403
    assert pages.get(reverse(f"admin:relay_{kind}_add")).status_code == 403


@every_kind
@pytest.mark.parametrize("person", ["alice", "bob", "mallory"])
def test_members_of_a_tenant_are_sent_to_the_log_in(kind, person, request, client, rows):
    client.force_login(request.getfixturevalue(person))

    for address in addresses(kind, rows[kind]):
        assert client.get(address)["Location"].startswith("/admin/login/")


@every_kind
def test_an_empty_list_says_when_something_appears(kind, pages):
    page = pages.get(reverse(f"admin:relay_{kind}_changelist")).content.decode()

    assert "rolled up" in page or "relay processes count" in page
