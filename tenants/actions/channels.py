"""Changes to channels: where a name leads, who needs which scope, and shared limits."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from django.db import transaction

from tenants.actions.audit import AuditEvent, record
from tenants.actions.changes import change_fields, locked, refuse_other_fields
from tenants.models.channels import Channel
from tenants.models.members import User
from tenants.models.platform_connections import PlatformConnection
from tenants.models.policies import ThrottlePolicy
from tenants.models.tenants import Tenant
from tenants.snapshots import publish_on_commit


class ChannelFields(TypedDict, total=False):
    """What can be changed of a channel."""

    name: str
    platform_connection: PlatformConnection
    maps_to: str
    platform_channel: str
    scope: str
    throttle_policy: ThrottlePolicy | None
    priority: int  # a Priority


@transaction.atomic
def create_channel(tenant: Tenant, *, acting_user: User, **values: Unpack[ChannelFields]) -> Channel:
    """Make a channel; clients that are given it may connect within a second.

    Raises:
        ValidationError: the name is taken, or the platform connection is another tenant's, or a value makes no sense.
    """
    channel = Channel(tenant=tenant)
    change_fields(channel, values)
    return _told(AuditEvent.CHANNEL_CREATED, channel, acting_user, {})


@transaction.atomic
def change_channel(channel: Channel, values: Mapping[str, object], *, acting_user: User) -> Channel:
    """Change where a channel leads, its scope and its limits, within a second.

    Raises:
        ValidationError: the channel makes no sense with them.
    """
    refuse_other_fields(values, ChannelFields)
    channel = locked(Channel.objects, channel)
    changes = change_fields(channel, values)
    return _told(AuditEvent.CHANNEL_CHANGED, channel, acting_user, changes)


@transaction.atomic
def delete_channel(channel: Channel, *, acting_user: User) -> None:
    """Delete a channel; its open connections are closed within a second."""
    channel = locked(Channel.objects, channel)
    _told(AuditEvent.CHANNEL_DELETED, channel, acting_user, {"name": (channel.name, "")})
    channel.delete()


def _told(event: AuditEvent, channel: Channel, acting_user: User, changes: Mapping[str, tuple[str, str]]) -> Channel:
    record(event, channel, acting_user, tenant_id=channel.tenant_id, changes=changes)
    publish_on_commit(channel.tenant_id)
    return channel
