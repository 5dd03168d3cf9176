"""Changes to platform connections. A credential goes in encrypted, and comes out only where the relay logs in."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction

from tenants.actions.audit import AuditEvent, record
from tenants.actions.changes import change_fields, locked, refuse_other_fields
from tenants.actions.platform_credentials import create_credential, set_secret
from tenants.encryption import CredentialSecret
from tenants.models.members import User
from tenants.models.platform_connections import PlatformConnection
from tenants.models.policies import ThrottlePolicy
from tenants.models.tenants import Tenant
from tenants.snapshots import publish_on_commit

FIRST = "Main"  # the name of a credential that nobody named
SEVERAL = "This platform connection has several credentials. Enter the secret on the page of the one that it is for."
IN_USE = "Channels lead through this platform connection. Point them elsewhere or delete them first."


class PlatformConnectionFields(TypedDict, total=False):
    """What can be changed of a platform connection."""

    name: str
    platform: str
    region: str
    token_url: str
    socket_url: str
    platform_tenant: str
    ca_certificate: str
    is_active: bool
    throttle_policy: ThrottlePolicy | None


@transaction.atomic
def create_platform_connection(
    tenant: Tenant,
    *,
    acting_user: User,
    credential: CredentialSecret | None = None,
    **values: Unpack[PlatformConnectionFields],
) -> PlatformConnection:
    """Make a platform connection, with or without its credential yet.

    Raises:
        ValidationError: the name is taken, or a value makes no sense.
    """
    connection = PlatformConnection(tenant=tenant)
    change_fields(connection, values)
    _told(AuditEvent.PLATFORM_CONNECTION_CREATED, connection, acting_user, {})
    return set_credential(connection, credential, acting_user=acting_user) if credential else connection


@transaction.atomic
def change_platform_connection(
    connection: PlatformConnection,
    values: Mapping[str, object],
    *,
    acting_user: User,
    credential: CredentialSecret | None = None,
) -> PlatformConnection:
    """Change where a platform connection leads, whether it is used, and its limits, within a second.

    A credential is bound to the hosts that it was entered for. Where they change, relays send it nowhere until it is
    entered anew: here as ``credential``, or by ``set_credential``.

    Raises:
        ValidationError: the platform connection makes no sense with them.
    """
    refuse_other_fields(values, PlatformConnectionFields)
    connection = locked(PlatformConnection.objects, connection)
    before = connection.credential_state
    changes = change_fields(connection, values)
    if credential:
        set_credential(connection, credential, acting_user=acting_user)
    elif connection.credential_state != before:
        changes["credential"] = (before, connection.credential_state)
    return _told(AuditEvent.PLATFORM_CONNECTION_CHANGED, connection, acting_user, changes)


@transaction.atomic
def set_credential(
    connection: PlatformConnection, credential: CredentialSecret, *, acting_user: User
) -> PlatformConnection:
    """Enter the one credential of a platform connection: its first, or another secret of the one that is there.

    Raises:
        ValidationError: it has several, or the secret makes no sense.
    """
    several = list(connection.credentials.all())
    if len(several) > 1:
        raise ValidationError(SEVERAL)
    if several:
        set_secret(several[0], credential, acting_user=acting_user)
    else:
        create_credential(connection, credential, acting_user=acting_user, name=FIRST)
    return connection


@transaction.atomic
def delete_platform_connection(connection: PlatformConnection, *, acting_user: User) -> None:
    """Delete a platform connection that no channel uses, with its credential.

    Raises:
        ValidationError: a channel uses it.
    """
    connection = locked(PlatformConnection.objects, connection)
    if connection.channels.exists():
        raise ValidationError(IN_USE)
    _told(AuditEvent.PLATFORM_CONNECTION_DELETED, connection, acting_user, {"name": (connection.name, "")})
    connection.delete()


def _told(
    event: AuditEvent, connection: PlatformConnection, acting_user: User, changes: Mapping[str, tuple[str, str]]
) -> PlatformConnection:
    record(event, connection, acting_user, tenant_id=connection.tenant_id, changes=changes)
    publish_on_commit(connection.tenant_id)
    return connection
