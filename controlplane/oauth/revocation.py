"""POST /oauth/revoke (RFC 7009): a client ends one of its tokens; connections opened with it close within a second."""

from controlplane.oauth.client_authentication import authenticate_client
from controlplane.oauth.messages import Answer, OAuthRequest, Refused
from controlplane.oauth.reading import read_token, token_digest
from tenants.actions.tokens import EndedToken, revoke_token


def revoke(request: OAuthRequest) -> Answer:
    """200 whether or not there was such a token: a client learns nothing of what is not its own.

    Raises:
        Refused: a client that may not, or no token in the form.
    """
    client = authenticate_client(request)
    value = request.form.get("token", "")
    if not value:
        raise Refused(400, "invalid_request", "Send the token in the form.")
    identity = read_token(value)
    if identity and identity.client_id == client.client_id:
        revoke_token(client, EndedToken(identity.token_id, identity.expires_at, token_digest(value)))
    return Answer(200)
