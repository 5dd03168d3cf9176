import uuid

import pytest
from auditlog.models import LogEntry
from django.apps import apps
from django.contrib import admin
from django.urls import get_resolver, reverse

from tests.tenants.factories import UserFactory

pytestmark = pytest.mark.django_db

KINDS = [
    "tenant",
    "member",
    "user",
    "platformconnection",
    "platformcredential",
    "channel",
    "oauthclient",
    "throttlepolicy",
    "policyversion",
]
BUTTONS = [
    ("tenant", "suspend"),
    ("tenant", "resume"),
    ("user", "set-password"),
    ("platformconnection", "set-credential"),
    ("oauthclient", "rotate-secret"),
    ("oauthclient", "revoke-tokens"),
    ("oauthclient", "disable"),
    ("oauthclient", "enable"),
    ("throttlepolicy", "begin-draft"),
    ("policyversion", "publish"),
    ("policyversion", "copy-to-draft"),
    ("policyversion", "roll-back"),
]
every_kind = pytest.mark.parametrize("kind", KINDS)
every_button = pytest.mark.parametrize(("kind", "button"), BUTTONS)


@every_kind
def test_a_list_shows_its_rows_and_can_be_searched(kind, pages, rows):
    address = reverse(f"admin:tenants_{kind}_changelist")

    assert str(rows[kind]).split(",")[0] in pages.get(address).content.decode()
    assert pages.get(address, {"q": "nothing is called this"}).status_code == 200


@every_kind
def test_a_page_shows_its_row(kind, pages, rows, address):
    assert pages.get(address(rows[kind])).status_code == 200


@every_kind
def test_history_leads_to_the_audit_log_of_the_row(kind, pages, rows, address):
    answer = pages.get(address(rows[kind], "history"), follow=True)

    assert answer.status_code == 200
    assert answer.redirect_chain[0][0].endswith(f"?object_pk__exact={rows[kind].pk}")


@every_kind
def test_an_empty_list_says_what_to_do_first(kind, pages):
    answer = pages.get(reverse(f"admin:tenants_{kind}_changelist"), {"q": "nothing is called this"})

    assert "Nothing matches" in answer.content.decode()


@every_button
def test_a_button_asks_first_and_a_link_does_nothing(kind, button, pages, rows, address):
    entries = LogEntry.objects.count()

    answer = pages.get(address(rows[kind], button))

    assert answer.status_code in (200, 302)
    assert LogEntry.objects.count() == entries


@every_button
def test_a_button_for_a_row_that_is_not_there_is_404(kind, button, pages, rows, address):
    gone = type(rows[kind])(pk=uuid.uuid4())

    assert pages.post(address(gone, button)).status_code == 404


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "policyversion"])
def test_a_form_for_a_new_row_opens(kind, pages, rows):
    assert pages.get(reverse(f"admin:tenants_{kind}_add")).status_code == 200


def test_nothing_can_be_deleted_or_changed_in_bulk():
    shown = [admin.site.get_model_admin(model) for model in apps.get_models() if admin.site.is_registered(model)]

    assert len(shown) > len(KINDS)
    assert all(pages.actions is None for pages in shown)


@pytest.mark.parametrize("person", ["alice", "bob", "mallory"])
def test_members_of_a_tenant_are_sent_to_the_log_in(person, request, client, rows):
    client.force_login(request.getfixturevalue(person))

    for path in admin_addresses(rows):
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert answer["Location"].startswith("/admin/login/"), path


def test_staff_who_are_no_administrators_see_and_change_nothing(client, rows, address, redis):
    client.force_login(UserFactory.create(is_staff=True))
    entries = LogEntry.objects.count()

    for path in admin_addresses(rows):
        for answer in (client.get(path), client.post(path, {"name": "x"})):
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/"), path
    assert LogEntry.objects.count() == entries


def test_nobody_is_sent_to_the_log_in(client, rows):
    for path in admin_addresses(rows):
        assert client.get(path).status_code == 302, path


def admin_addresses(rows):
    """Every address of our own pages in the admin, read from the URL map, with the rows' ids filled in."""
    for name, (possibilities, *_) in get_resolver("controlplane.urls").namespace_dict["admin"][1].reverse_dict.items():
        kind = next((kind for kind in rows if isinstance(name, str) and name.startswith(f"tenants_{kind}_")), None)
        if kind:
            path, parameters = possibilities[0]
            yield "/admin/" + path % dict.fromkeys(parameters, rows[kind].pk)


SECRETS = (
    *("password__startswith", "user__password__startswith", "actor__password__startswith"),
    *("memberships__user__password__startswith", "created_by__password__regex", "published_by__password__gt"),
    *("client_secret__startswith", "clients__client_secret__startswith", "secret_last_four__startswith"),
    *("encrypted_credential__contains", "platform_connection__encrypted_credential__contains"),
    *("accesstoken__token_checksum__startswith", "members__user__password__startswith", "tenant__pk__startswith"),
)
ADMIN = get_resolver("controlplane.urls").namespace_dict["admin"][1].reverse_dict
LISTS = sorted(f"admin:{name}" for name in ADMIN if isinstance(name, str) and name.endswith("_changelist"))


@pytest.mark.parametrize("page", LISTS)
def test_a_list_is_asked_for_no_secret_letter_by_letter(page, pages):
    assert {pages.get(reverse(page), {lookup: "a"}).status_code for lookup in SECRETS} == {400}


@pytest.mark.parametrize("page", LISTS)
def test_every_filter_that_a_list_offers_works(page, pages, rows):
    shown = pages.get(reverse(page)).context["cl"]

    choices = [choice["query_string"] for spec in shown.filter_specs for choice in spec.choices(shown)]

    assert {pages.get(reverse(page) + choice).status_code for choice in choices} <= {200}
