import uuid

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from tenants import access
from tenants.models.members import Member
from tests.tenants.factories import (
    ChannelFactory,
    ClientFactory,
    DraftFactory,
    MemberFactory,
    PlatformConnectionFactory,
    PolicyFactory,
)

pytestmark = pytest.mark.django_db

DOORS = {
    access.access_client_by_id: lambda tenant: ClientFactory(tenant=tenant),
    access.access_channel_by_id: lambda tenant: ChannelFactory(tenant=tenant),
    access.access_platform_connection_by_id: lambda tenant: PlatformConnectionFactory(tenant=tenant),
    access.access_policy_by_id: lambda tenant: PolicyFactory(tenant=tenant),
    access.access_version_by_id: lambda tenant: DraftFactory(policy__tenant=tenant),
    access.access_member_by_id: lambda tenant: MemberFactory(tenant=tenant),
    access.access_tenant_by_id: lambda tenant: tenant,
}
every_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


@every_door
def test_an_owner_may_see_and_change_what_is_theirs(door, acme, alice):
    row = DOORS[door](acme)

    assert door(alice, row.pk) == row
    assert door(alice, row.pk, for_change=True) == row


@every_door
def test_an_administrator_may_see_and_change_everything(door, acme, root):
    row = DOORS[door](acme)

    assert door(root, row.pk, for_change=True) == row


@every_door
def test_a_viewer_may_look_but_not_change(door, acme, bob):
    row = DOORS[door](acme)

    assert door(bob, row.pk) == row
    with pytest.raises(PermissionDenied):
        door(bob, row.pk, for_change=True)


@every_door
def test_what_belongs_to_another_tenant_does_not_exist(door, acme, mallory):
    row = DOORS[door](acme)

    with pytest.raises(Http404):
        door(mallory, row.pk)
    with pytest.raises(Http404):
        door(mallory, row.pk, for_change=True)


@every_door
def test_nobody_sees_anything(door, acme):
    row = DOORS[door](acme)

    with pytest.raises(Http404):
        door(AnonymousUser(), row.pk)


@every_door
def test_what_does_not_exist_answers_like_what_is_hidden(door, alice):
    with pytest.raises(Http404):
        door(alice, uuid.uuid4())


def test_an_operator_changes_things_but_not_members(acme):
    operator = MemberFactory(tenant=acme, role=Member.Role.OPERATOR)
    client = ClientFactory(tenant=acme)

    assert access.access_client_by_id(operator.user, client.pk, for_change=True) == client
    with pytest.raises(PermissionDenied, match="Only an owner"):
        access.access_member_by_id(operator.user, operator.pk, for_change=True)


def test_a_viewer_is_told_whom_to_ask(acme, bob):
    client = ClientFactory(tenant=acme)

    with pytest.raises(PermissionDenied, match=r"viewer\. Ask an owner for the role operator"):
        access.access_client_by_id(bob, client.pk, for_change=True)


def test_a_member_of_two_tenants_sees_each_row_once(acme, umbrella, alice):
    MemberFactory(user=alice, tenant=umbrella)
    ClientFactory(tenant=acme)

    assert type(ClientFactory()).objects.visible_to(alice).count() == 1
