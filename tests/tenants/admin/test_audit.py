import pytest
from django.urls import reverse

from tenants.actions.tenants import change_tenant

pytestmark = pytest.mark.django_db

LOG = "/admin/auditlog/logentry/"


def test_an_entry_says_who_did_what_to_what_with_old_and_new(pages, acme, root):
    change_tenant(acme, {"name": "Acme Ltd"}, acting_user=root)

    page = pages.get(LOG).content.decode()

    assert "tenant changed" in page
    assert "tenant Acme Ltd" in page
    assert "name: Acme → Acme Ltd" in page


def test_an_entry_can_be_read_but_never_changed(pages, acme, root, audit_entries):
    change_tenant(acme, {"name": "Acme Ltd"}, acting_user=root)
    path = reverse("admin:auditlog_logentry_change", args=[audit_entries()[0].pk])

    assert pages.get(path).status_code == 200
    assert pages.post(path, {"object_repr": "x"}).status_code == 403
    assert pages.post(path.replace("change", "delete"), {"post": "yes"}).status_code == 403
