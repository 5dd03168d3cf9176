import pytest
from django.urls import reverse

from relay.throttle.policy import default_zones
from tenants.models.policies import PolicyVersion, ThrottlePolicy
from tests.tenants.factories import ClientFactory, DraftFactory, PolicyFactory

pytestmark = pytest.mark.django_db


def test_a_new_policy_opens_its_first_draft_with_the_defaults(pages, acme):
    answer = pages.post(reverse("admin:tenants_throttlepolicy_add"), {"tenant": acme.pk, "name": "Web chat"})

    draft = PolicyVersion.objects.get()
    assert answer["Location"] == reverse("admin:tenants_policyversion_change", args=[draft.pk])
    assert draft.zone_policies() == default_zones()


def test_the_page_says_what_is_in_force_and_whom_it_limits(pages, rows, acme, address):
    policy = rows["throttlepolicy"]
    ClientFactory.create(tenant=acme, name="Bridge", throttle_policy=policy)

    page = pages.get(address(policy)).content.decode()

    assert "100 messages a second for each client, evenly, then wait" in page
    assert "client Bridge" in page


def test_beginning_a_draft_goes_to_the_one_that_was_begun(pages, rows, address):
    answer = pages.get(address(rows["throttlepolicy"], "begin-draft"))

    assert answer["Location"] == address(rows["policyversion"])


def test_beginning_a_draft_copies_what_is_in_force(pages, rows, address):
    rows["policyversion"].delete()

    pages.post(address(rows["throttlepolicy"], "begin-draft"))

    assert PolicyVersion.objects.get(state="draft").zones.get().permits == 100


def test_renaming_is_logged(pages, acme, address, audit_entries):
    policy = PolicyFactory.create(tenant=acme, name="Before")

    pages.post(address(policy), {"name": "After"})

    assert audit_entries("policy_renamed")[0].changes == {"name": ["Before", "After"]}


def test_a_name_that_is_taken_is_refused_at_its_field(pages, acme):
    PolicyFactory.create(tenant=acme, name="Web chat")

    answer = pages.post(reverse("admin:tenants_throttlepolicy_add"), {"tenant": acme.pk, "name": "Web chat"})

    assert answer.context["adminform"].form.errors


def test_a_policy_that_was_published_is_never_deleted(pages, rows, address):
    policy = rows["throttlepolicy"]

    assert address(policy, "delete") not in pages.get(address(policy)).content.decode()
    assert pages.post(address(policy, "delete"), {"post": "yes"}).status_code == 403
    assert ThrottlePolicy.objects.exists()


def test_a_policy_that_was_never_published_is_deleted(pages, acme, address):
    policy = DraftFactory.create(policy__tenant=acme).policy

    pages.post(address(policy, "delete"), {"post": "yes"})

    assert not ThrottlePolicy.objects.exists()
