"""Changes to OAuth clients: their secrets, what they may use, and what ends their tokens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict, Unpack

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import AccessToken

from tenants.actions.audit import AuditEvent, record
from tenants.actions.changes import change_fields, locked, refuse_other_fields
from tenants.client_secrets import new_client_secret
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.members import User
from tenants.models.policies import ThrottlePolicy
from tenants.models.tenants import Tenant
from tenants.snapshots import publish_on_commit

SECRET_HASHER = "generated_sha256"  # noqa: S105 - the name of a hash


class ClientFields(TypedDict, total=False):
    """What can be changed of a client."""

    name: str
    channels: Iterable[Channel]
    scopes: str
    token_life_seconds: int
    throttle_policy: ThrottlePolicy | None
    weight: int


@dataclass(frozen=True, slots=True)
class IssuedSecret:
    """A client with the secret that only this value ever holds: show it once, store it nowhere."""

    client: OAuthClient
    secret: str


@transaction.atomic
def create_client(tenant: Tenant, *, acting_user: User, **values: Unpack[ClientFields]) -> IssuedSecret:
    """Make a client with a secret; it may connect within a second.

    Raises:
        ValidationError: the name is taken, or a value makes no sense.
    """
    client = OAuthClient(
        tenant=tenant,
        client_type=OAuthClient.CLIENT_CONFIDENTIAL,
        authorization_grant_type=OAuthClient.GRANT_CLIENT_CREDENTIALS,
    )
    secret = _set_new_secret(client)
    channels = values.pop("channels", ())
    change_fields(client, values)
    client.channels.set(channels)
    record(AuditEvent.CLIENT_CREATED, client, acting_user, tenant_id=tenant.pk)
    publish_on_commit(tenant.pk)
    return IssuedSecret(client, secret)


@transaction.atomic
def change_client(client: OAuthClient, values: Mapping[str, object], *, acting_user: User) -> OAuthClient:
    """Change what a client may use and its limits: open connections follow within a second.

    Raises:
        ValidationError: the client makes no sense with them.
    """
    refuse_other_fields(values, ClientFields)
    client = locked(OAuthClient.objects, client)
    changes = change_fields(client, values)
    return _told(AuditEvent.CLIENT_CHANGED, client, acting_user, changes)


@transaction.atomic
def rotate_client_secret(client: OAuthClient, *, acting_user: User) -> IssuedSecret:
    """Give a client another secret; the former one gets no more tokens, tokens that it got stay valid."""
    client = locked(OAuthClient.objects, client)
    before = client.secret_last_four
    secret = _set_new_secret(client)
    client.save()
    changes = {"secret_last_four": (before, client.secret_last_four)}
    return IssuedSecret(_told(AuditEvent.CLIENT_SECRET_ROTATED, client, acting_user, changes), secret)


@transaction.atomic
def disable_client(client: OAuthClient, *, acting_user: User) -> OAuthClient:
    """Switch a client off: no tokens, those it has are revoked, its connections are closed within a second (4502)."""
    client = locked(OAuthClient.objects, client)
    changes = change_fields(client, {"is_active": False, "tokens_valid_from": timezone.now()})
    _forget_tokens(client)
    return _told(AuditEvent.CLIENT_DISABLED, client, acting_user, changes)


@transaction.atomic
def enable_client(client: OAuthClient, *, acting_user: User) -> OAuthClient:
    """Switch a client on again; it asks for a new token, its former ones stay revoked."""
    client = locked(OAuthClient.objects, client)
    changes = change_fields(client, {"is_active": True})
    return _told(AuditEvent.CLIENT_ENABLED, client, acting_user, changes)


@transaction.atomic
def revoke_client_tokens(client: OAuthClient, *, acting_user: User) -> OAuthClient:
    """End every token that a client has; its connections are closed within a second (4502). It may ask for new ones."""
    client = locked(OAuthClient.objects, client)
    changes = change_fields(client, {"tokens_valid_from": timezone.now()})
    _forget_tokens(client)
    return _told(AuditEvent.CLIENT_TOKENS_REVOKED, client, acting_user, changes)


@transaction.atomic
def delete_client(client: OAuthClient, *, acting_user: User) -> None:
    """Delete a client and its tokens for good; its connections are closed within a second."""
    client = locked(OAuthClient.objects, client)
    _told(AuditEvent.CLIENT_DELETED, client, acting_user, {"name": (client.name, "")})
    client.delete()


def _set_new_secret(client: OAuthClient) -> str:
    secret = new_client_secret()
    client.client_secret = make_password(secret, hasher=SECRET_HASHER)
    client.secret_last_four = secret[-4:]
    return secret


def _forget_tokens(client: OAuthClient) -> None:
    AccessToken.objects.filter(application=client).delete()


def _told(
    event: AuditEvent, client: OAuthClient, acting_user: User, changes: Mapping[str, tuple[str, str]]
) -> OAuthClient:
    record(event, client, acting_user, tenant_id=client.tenant_id, changes=changes)
    publish_on_commit(client.tenant_id)
    return client
