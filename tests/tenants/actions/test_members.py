import pytest
from django.core.exceptions import ValidationError

from tenants.actions import members
from tenants.models.members import Member
from tests.tenants.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_person_can_be_let_in(acme, alice, audit_entries):
    member = members.add_member(acme, UserFactory.create(username="carol"), role="operator", acting_user=alice)

    assert str(member) == "carol, operator of Acme"
    assert audit_entries("member_added")[0].changes == {"role": ["", "operator"]}


def test_nobody_is_let_in_twice(acme, alice):
    with pytest.raises(ValidationError):
        members.add_member(acme, alice, role="viewer", acting_user=alice)


def test_there_are_only_three_roles(acme, alice):
    with pytest.raises(ValidationError):
        members.add_member(acme, UserFactory.create(), role="king", acting_user=alice)


def test_a_role_can_be_changed(acme, alice, bob, audit_entries):
    members.change_role(acme.members.get(user=bob), role="operator", acting_user=alice)

    assert audit_entries("member_role_changed")[0].changes == {"role": ["viewer", "operator"]}


def test_the_last_owner_can_neither_leave_nor_step_down(acme, alice):
    owner = acme.members.get(user=alice)

    with pytest.raises(ValidationError, match="last owner"):
        members.remove_member(owner, acting_user=alice)
    with pytest.raises(ValidationError, match="last owner"):
        members.change_role(owner, role="viewer", acting_user=alice)


def test_one_of_two_owners_can_leave(acme, alice, audit_entries):
    MemberFactory.create(tenant=acme)

    members.remove_member(acme.members.get(user=alice), acting_user=alice)

    assert not Member.objects.filter(user=alice).exists()
    assert audit_entries("member_removed")[0].changes == {"role": ["owner", ""]}
