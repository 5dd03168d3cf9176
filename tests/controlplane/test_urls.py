"""Pages that say what went wrong: whoever meets one reads what happened, and gets away from it."""

import pytest
from django.test import Client
from django.urls import reverse
from django.views import defaults

from tests.tenants.factories import TenantFactory

pytestmark = pytest.mark.django_db
STYLE = "/static/controlplane/error.css"


@pytest.fixture
def pages(root, redis):
    """A browser in which root is logged in, and whose forms are checked."""
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.force_login(root)
    return browser


def refused(answer, status, words):
    """Whether a page of ours says so, in words and with a way on."""
    page = answer.content.decode()
    return answer.status_code == status and all(word in page for word in (words, STYLE, 'href="/admin/"'))


@pytest.mark.parametrize("address", ["/nothing", "/admin/nothing/", "/admin/tenants/tenant/nothing/suspend/"])
def test_an_address_where_nothing_is(address, pages):
    assert refused(pages.get(address), 404, "There is no such page")


def test_a_form_whose_token_is_of_another_log_in(pages):
    answer = pages.post(reverse("admin:tenants_tenant_add"), {"name": "Acme"})

    assert refused(answer, 403, "This form is too old")


def test_what_nobody_may_do(pages):
    pages.handler.enforce_csrf_checks = False
    tenant = TenantFactory.create()

    answer = pages.post(reverse("admin:tenants_tenant_delete", args=[tenant.pk]), {"post": "yes"})

    assert refused(answer, 403, "You may not do this")


def test_a_fault_of_our_own(rf):
    assert refused(defaults.server_error(rf.get("/")), 500, "Something failed here")
