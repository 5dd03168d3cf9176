"""POST /oauth/introspect (RFC 7662): is this token of my tenant in force?"""

from django.conf import settings
from django.utils import timezone
from oauth2_provider.models import AccessToken

from controlplane.oauth.client_authentication import authenticate_client
from controlplane.oauth.messages import Answer, OAuthRequest, Refused
from controlplane.oauth.reading import read_token, token_digest
from controlplane.oauth.signing import AUDIENCE
from relay.gateway.authentication import Identity
from tenants.models.clients import OAuthClient

NOT_ACTIVE = Answer(200, {"active": False})


def introspect(request: OAuthRequest) -> Answer:
    """What a token says, if it is in force and of the asking client's tenant; else only that it is not active.

    Raises:
        Refused: a client that may not, or no token in the form.
    """
    asking = authenticate_client(request)
    value = request.form.get("token", "")
    if not value:
        raise Refused(400, "invalid_request", "Send the token in the form.")
    identity = read_token(value)
    if identity is None or identity.tenant_id != str(asking.tenant_id) or not _is_in_force(value, identity):
        return NOT_ACTIVE
    return Answer(200, _document(identity))


def _is_in_force(value: str, identity: Identity) -> bool:
    """A token's row is deleted when it is revoked or its client disabled; a tenant's suspension leaves it."""
    row = AccessToken.objects.filter(token_checksum=token_digest(value), expires__gt=timezone.now())
    client = OAuthClient.objects.filter(client_id=identity.client_id, is_active=True, tenant__is_active=True)
    return row.exists() and client.exists()


def _document(identity: Identity) -> dict[str, object]:
    return {
        "active": True,
        "iss": settings.WEB_URL,
        "sub": identity.client_id,
        "client_id": identity.client_id,
        "aud": AUDIENCE,
        "scope": " ".join(sorted(identity.scopes)),
        "token_type": "Bearer",
        "iat": int(identity.issued_at),
        "exp": int(identity.expires_at),
        "jti": identity.token_id,
        "tenant": identity.tenant_id,
    }
