"""POST /oauth/token: the client credentials grant (RFC 6749, section 4.4), the only one there is."""

import time
from datetime import UTC, datetime

from oauth2_provider.models import AccessToken

from controlplane.oauth.client_authentication import authenticate_client
from controlplane.oauth.messages import Answer, OAuthRequest, Refused
from controlplane.oauth.reading import token_digest
from controlplane.oauth.signing import SignedToken, sign_token
from tenants.models.clients import OAuthClient

GRANT_TYPE = "client_credentials"


def issue_token(request: OAuthRequest) -> Answer:
    """A token with the scopes that were asked for, or all of the client's.

    Raises:
        Refused: another grant, a client that may not, or a scope that it does not have.
    """
    _refuse_other_grants(request)
    client = authenticate_client(request)
    scope = _granted_scope(client, request.form.get("scope", ""))
    token = sign_token(client, scope, time.time())
    _remember(token, client, scope)
    document: dict[str, object] = {
        "access_token": token.value,
        "token_type": "Bearer",
        "expires_in": client.token_life_seconds,
        "scope": scope,
    }
    return Answer(200, document)


def _refuse_other_grants(request: OAuthRequest) -> None:
    grant_type = request.form.get("grant_type", "")
    if not grant_type:
        raise Refused(400, "invalid_request", f"Say grant_type={GRANT_TYPE}.")
    if grant_type != GRANT_TYPE:
        raise Refused(400, "unsupported_grant_type", f"The only grant here is {GRANT_TYPE}.")


def _granted_scope(client: OAuthClient, asked: str) -> str:
    wanted = tuple(dict.fromkeys(asked.split())) or client.scope_names
    if not set(wanted) <= set(client.scope_names):
        raise Refused(400, "invalid_scope", "The client does not have all of these scopes.")
    return " ".join(wanted)


def _remember(token: SignedToken, client: OAuthClient, scope: str) -> None:
    """Store the token's digest, never the token: what introspection looks up and disabling deletes."""
    AccessToken.objects.create(
        application=client,
        scope=scope,
        expires=datetime.fromtimestamp(token.expires_at, UTC),
        token_checksum=token_digest(token.value),
    )
