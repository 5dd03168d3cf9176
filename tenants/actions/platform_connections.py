"""Changes to platform connections. A credential goes in encrypted, and comes out only where the relay logs in."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction

from tenants.actions.audit import AuditEvent, record
from tenants.actions.changes import change_fields, locked, refuse_other_fields
from tenants.encryption import CredentialUnusable, PlatformCredential, encrypt_credential
from tenants.models.members import User
from tenants.models.platform_connections import PlatformConnection
from tenants.models.policies import ThrottlePolicy
from tenants.models.tenants import Tenant
from tenants.snapshots import publish_on_commit

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
    credential: PlatformCredential | None = None,
    **values: Unpack[PlatformConnectionFields],
) -> PlatformConnection:
    """Make a platform connection, with or without its credential yet.

    Raises:
        ValidationError: the name is taken, or a value makes no sense.
    """
    connection = PlatformConnection(tenant=tenant)
    change_fields(connection, values)
    if credential:
        _store(connection, credential)
    return _told(AuditEvent.PLATFORM_CONNECTION_CREATED, connection, acting_user, {})


@transaction.atomic
def change_platform_connection(
    connection: PlatformConnection,
    values: Mapping[str, object],
    *,
    acting_user: User,
    credential: PlatformCredential | None = None,
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
        changes |= _store(connection, credential)
    elif connection.credential_state != before:
        changes["credential"] = (before, connection.credential_state)
    return _told(AuditEvent.PLATFORM_CONNECTION_CHANGED, connection, acting_user, changes)


@transaction.atomic
def set_credential(
    connection: PlatformConnection, credential: PlatformCredential, *, acting_user: User
) -> PlatformConnection:
    """Store another credential, encrypted and bound to the present hosts; the former one is gone.

    Raises:
        ValidationError: it is longer than any platform's, or the platform connection leads nowhere.
    """
    connection = locked(PlatformConnection.objects, connection)
    changes = _store(connection, credential)
    return _told(AuditEvent.CREDENTIAL_SET, connection, acting_user, changes)


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


def _store(connection: PlatformConnection, credential: PlatformCredential) -> dict[str, tuple[str, str]]:
    """Store a credential, and say so without its secret."""
    try:
        connection.encrypted_credential = encrypt_credential(credential, connection.leads_to)
    except CredentialUnusable as refusal:
        raise ValidationError(str(refusal)) from refusal
    connection.save()
    return {"credential": ("", f"client id {credential.client_id}")}


def _told(
    event: AuditEvent, connection: PlatformConnection, acting_user: User, changes: Mapping[str, tuple[str, str]]
) -> PlatformConnection:
    record(event, connection, acting_user, tenant_id=connection.tenant_id, changes=changes)
    publish_on_commit(connection.tenant_id)
    return connection
