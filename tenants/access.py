"""Every read on somebody's behalf: who asks comes first. Other tenants' rows do not exist for them."""

from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import models
from django.shortcuts import get_object_or_404

from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.members import Member
from tenants.models.platform_connections import PlatformConnection
from tenants.models.policies import PolicyVersion, ThrottlePolicy
from tenants.models.tenants import Tenant

Row = TypeVar("Row", bound=models.Model)
Person = AbstractBaseUser | AnonymousUser


def access_tenant_by_id(user: Person, tenant_id: UUID, *, for_change: bool = False) -> Tenant:
    """The tenant, if ``user`` may see it.

    Raises:
        Http404: there is none, or the person is no member: the answer does not tell which.
        PermissionDenied: ``for_change``, and the person is only a viewer.
    """
    tenant = get_object_or_404(Tenant.objects.visible_to(user), pk=tenant_id)
    return _for_change(tenant, tenant, user) if for_change else tenant


def access_client_by_id(user: Person, client_id: UUID, *, for_change: bool = False) -> OAuthClient:
    """The OAuth client, if ``user`` may see it.

    Raises:
        Http404: there is none, or it is another tenant's: the answer does not tell which.
        PermissionDenied: ``for_change``, and the person is only a viewer.
    """
    visible = OAuthClient.objects.visible_to(user).select_related("tenant")
    client = get_object_or_404(visible, pk=client_id)
    return _for_change(client, client.tenant, user) if for_change else client


def access_channel_by_id(user: Person, channel_id: UUID, *, for_change: bool = False) -> Channel:
    """The channel, if ``user`` may see it.

    Raises:
        Http404: as for ``access_client_by_id``.
        PermissionDenied: as for ``access_client_by_id``.
    """
    channel = get_object_or_404(Channel.objects.visible_to(user).select_related("tenant"), pk=channel_id)
    return _for_change(channel, channel.tenant, user) if for_change else channel


def access_platform_connection_by_id(
    user: Person, connection_id: UUID, *, for_change: bool = False
) -> PlatformConnection:
    """The platform connection, if ``user`` may see it.

    Raises:
        Http404: as for ``access_client_by_id``.
        PermissionDenied: as for ``access_client_by_id``.
    """
    visible = PlatformConnection.objects.visible_to(user).select_related("tenant")
    connection = get_object_or_404(visible, pk=connection_id)
    return _for_change(connection, connection.tenant, user) if for_change else connection


def access_policy_by_id(user: Person, policy_id: UUID, *, for_change: bool = False) -> ThrottlePolicy:
    """The throttle policy, if ``user`` may see it.

    Raises:
        Http404: as for ``access_client_by_id``.
        PermissionDenied: as for ``access_client_by_id``.
    """
    policy = get_object_or_404(ThrottlePolicy.objects.visible_to(user).select_related("tenant"), pk=policy_id)
    return _for_change(policy, policy.tenant, user) if for_change else policy


def access_version_by_id(user: Person, version_id: UUID, *, for_change: bool = False) -> PolicyVersion:
    """The version of a throttle policy, if ``user`` may see it.

    Raises:
        Http404: as for ``access_client_by_id``.
        PermissionDenied: as for ``access_client_by_id``.
    """
    visible = PolicyVersion.objects.filter(policy__in=ThrottlePolicy.objects.visible_to(user))
    version = get_object_or_404(visible.select_related("policy__tenant"), pk=version_id)
    return _for_change(version, version.policy.tenant, user) if for_change else version


def access_member_by_id(user: Person, member_id: UUID, *, for_change: bool = False) -> Member:
    """The member, if ``user`` may see them. Only owners change members.

    Raises:
        Http404: as for ``access_client_by_id``.
        PermissionDenied: ``for_change``, and the person is no owner.
    """
    visible = Member.objects.visible_to(user).select_related("tenant", "user")
    member = get_object_or_404(visible, pk=member_id)
    if for_change and not member.tenant.may_be_governed_by(user):
        raise PermissionDenied(f"Only an owner of {member.tenant} may change its members.")
    return member


def _for_change(row: Row, tenant: Tenant, user: Person) -> Row:
    if not tenant.may_be_changed_by(user):
        raise PermissionDenied(f"Your role in {tenant} is viewer. Ask an owner for the role operator.")
    return row
