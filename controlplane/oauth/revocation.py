"""POST /oauth/revoke (RFC 7009): a client ends one of its tokens; connections opened with it close within a second."""

from controlplane.oauth.client_authentication import authenticate_client
from controlplane.oauth.messages import Answer, OAuthRequest, Refused
from controlplane.oauth.reading import read_token, token_digest
from tenants.actions.tokens import EndedToken, TooManyRevoked, revoke_token

FULL = "The token still counts: too many of the tenant's are revoked. An administrator can revoke all of a client's."
RETRY = {"retry-after": "60"}


def revoke(request: OAuthRequest) -> Answer:
    """200 whether or not there was such a token: a client learns nothing of what is not its own.

    Raises:
        Refused: a client that may not, no token in the form, or too many that the tenant revoked.
    """
    client = authenticate_client(request)
    value = request.form.get("token", "")
    if not value:
        raise Refused(400, "invalid_request", "Send the token in the form.")
    identity = read_token(value)
    if identity and identity.client_id == client.client_id:
        try:
            revoke_token(client, EndedToken(identity.token_id, identity.expires_at, token_digest(value)))
        except TooManyRevoked as refusal:
            raise Refused(503, "temporarily_unavailable", FULL, RETRY) from refusal
    return Answer(200)
