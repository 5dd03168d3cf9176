"""Changes to the credentials of platform connections. A secret goes in encrypted, and comes out only in relays."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction

from tenants.actions.audit import AuditEvent, record
from tenants.actions.changes import change_fields, locked, refuse_other_fields
from tenants.encryption import CredentialSecret, CredentialUnusable, encrypt_credential
from tenants.models.members import User
from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import PlatformCredential
from tenants.models.policies import ThrottlePolicy
from tenants.snapshots import publish_on_commit


class PlatformCredentialFields(TypedDict, total=False):
    """The fields of a credential that can be changed."""

    name: str
    is_active: bool
    throttle_policy: ThrottlePolicy | None


@transaction.atomic
def create_credential(
    connection: PlatformConnection,
    secret: CredentialSecret,
    *,
    acting_user: User,
    **values: Unpack[PlatformCredentialFields],
) -> PlatformCredential:
    """Add a credential to a platform connection, bound to its present hosts: new connections may log in with it.

    Raises:
        ValidationError: the name is taken, or a value makes no sense.
    """
    connection = locked(PlatformConnection.objects, connection)
    credential = PlatformCredential(tenant_id=connection.tenant_id, platform_connection=connection)
    credential.encrypted_secret = _encrypted(secret, connection)
    change_fields(credential, values)
    return _recorded(AuditEvent.CREDENTIAL_CREATED, credential, acting_user, _client_id(secret))


@transaction.atomic
def change_credential(
    credential: PlatformCredential, values: Mapping[str, object], *, acting_user: User
) -> PlatformCredential:
    """Change the name, the limits, or whether it is used. Without it, its open connections close within a second.

    Raises:
        ValidationError: the credential makes no sense with them.
    """
    refuse_other_fields(values, PlatformCredentialFields)
    credential = locked(PlatformCredential.objects, credential)
    changes = change_fields(credential, values)
    return _recorded(AuditEvent.CREDENTIAL_CHANGED, credential, acting_user, changes)


@transaction.atomic
def set_secret(credential: PlatformCredential, secret: CredentialSecret, *, acting_user: User) -> PlatformCredential:
    """Store another secret, encrypted and bound to the present hosts; the former one is gone.

    Raises:
        ValidationError: it is longer than any platform's, or the platform connection leads nowhere.
    """
    connection = locked(PlatformConnection.objects, credential.platform_connection)
    credential = locked(PlatformCredential.objects, credential)
    credential.encrypted_secret = _encrypted(secret, connection)
    credential.save()
    return _recorded(AuditEvent.CREDENTIAL_SET, credential, acting_user, _client_id(secret))


@transaction.atomic
def delete_credential(credential: PlatformCredential, *, acting_user: User) -> None:
    """Delete a credential with its secret. Its open connections close within a second."""
    credential = locked(PlatformCredential.objects, credential)
    _recorded(AuditEvent.CREDENTIAL_DELETED, credential, acting_user, {"name": (credential.name, "")})
    credential.delete()


def _encrypted(secret: CredentialSecret, connection: PlatformConnection) -> str:
    try:
        return encrypt_credential(secret, connection.leads_to)
    except CredentialUnusable as refusal:
        raise ValidationError(str(refusal)) from refusal


def _client_id(secret: CredentialSecret) -> dict[str, tuple[str, str]]:
    return {"secret": ("", f"client id {secret.client_id}")}


def _recorded(
    event: AuditEvent, credential: PlatformCredential, acting_user: User, changes: Mapping[str, tuple[str, str]]
) -> PlatformCredential:
    record(event, credential, acting_user, tenant_id=credential.tenant_id, changes=changes)
    publish_on_commit(credential.tenant_id)
    return credential
