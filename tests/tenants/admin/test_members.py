import pytest
from django.urls import reverse

from tenants.models.members import Member
from tests.tenants.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["owner", "operator", "viewer"])
def test_a_person_is_let_in_with_the_role_that_was_chosen(role, pages, acme):
    person = UserFactory.create()

    pages.post(reverse("admin:tenants_member_add"), {"tenant": acme.pk, "user": person.pk, "role": role})

    assert Member.objects.get(user=person).role == role


def test_a_role_can_be_changed_but_not_the_person(pages, acme, umbrella, address):
    MemberFactory.create(tenant=acme)
    member = MemberFactory.create(tenant=acme, role="viewer")

    pages.post(address(member), {"role": "operator", "tenant": umbrella.pk, "user": UserFactory.create().pk})

    changed = Member.objects.get(pk=member.pk)
    assert (changed.role, changed.tenant, changed.user) == ("operator", acme, member.user)


def test_the_last_owner_stays_and_the_page_says_why(told, acme, address):
    owner = MemberFactory.create(tenant=acme)

    assert told(address(owner), {"role": "viewer"}) == [
        "This is the tenant's last owner. Make somebody else an owner first."
    ]
    assert told(address(owner, "delete"), {"post": "yes"}) == [
        "This is the tenant's last owner. Make somebody else an owner first."
    ]
    assert Member.objects.get(pk=owner.pk).role == "owner"


def test_one_of_two_owners_can_be_taken_out(pages, acme, address):
    MemberFactory.create(tenant=acme)
    leaving = MemberFactory.create(tenant=acme)

    pages.post(address(leaving, "delete"), {"post": "yes"})

    assert not Member.objects.filter(pk=leaving.pk).exists()
