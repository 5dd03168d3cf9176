"""Ends single access tokens. Ending all of a client's is in clients.py."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from oauth2_provider.models import AccessToken

from tenants.actions.audit import AuditEvent, record
from tenants.models.clients import OAuthClient
from tenants.models.tokens import RevokedToken
from tenants.snapshots import publish_revocation_on_commit

MOST_REVOKED = 10_000  # of one tenant, until their end: each relay reads them all whenever there is one more


class TooManyRevoked(Exception):
    """So many tokens of the tenant are revoked that no list can hold another; the token still counts."""


@dataclass(frozen=True, slots=True)
class EndedToken:
    """A token by its id (jti), its end in Unix seconds, and the digest under which it is stored."""

    token_id: str
    expires_at: float
    digest: str


@transaction.atomic
def revoke_token(client: OAuthClient, token: EndedToken) -> None:
    """End one token at the client's own wish; connections opened with it close within a second (4502).

    While Redis does not answer it is stored all the same, and in force within a minute of Redis being back.

    Raises:
        TooManyRevoked: the tenant has revoked so many that still count.
    """
    if RevokedToken.objects.in_force().filter(tenant=client.tenant_id).count() >= MOST_REVOKED:
        raise TooManyRevoked
    deleted, _ = AccessToken.objects.filter(application=client, token_checksum=token.digest).delete()
    if not deleted:
        return  # revoked before
    ends_at = datetime.fromtimestamp(token.expires_at, UTC)
    RevokedToken.objects.create(token_id=token.token_id, tenant_id=client.tenant_id, ends_at=ends_at)
    changes = {"token": (token.token_id, ""), "by": ("", f"client {client.client_id}")}
    record(AuditEvent.TOKEN_REVOKED, client, None, tenant_id=client.tenant_id, changes=changes)
    publish_revocation_on_commit(client.tenant_id, {token.token_id: token.expires_at})
