"""NICE CXone: discovery, and how a back end asks for a token with its access key."""

import json
from collections.abc import Mapping

from relay.platforms.answers import TokenAnswerUnusable, TokenRequest, required
from relay.platforms.binding import refuse_foreign_endpoint
from relay.platforms.tokens import basic_authorization

LONGEST_URL = 2048  # characters


def token_endpoint(discovery_body: bytes, discovery_url: str) -> str:
    """Find the token endpoint in the OpenID discovery document that came from ``discovery_url``.

    Raises:
        TokenAnswerUnusable: the document names none, or one where the credential must not go.
    """
    try:
        endpoint = json.loads(discovery_body)["token_endpoint"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TokenAnswerUnusable("the discovery document has no token_endpoint") from error
    if not isinstance(endpoint, str) or not endpoint.startswith(("https://", "http://")) or len(endpoint) > LONGEST_URL:
        raise TokenAnswerUnusable("the discovery document's token_endpoint is no address")
    refuse_foreign_endpoint(endpoint, discovery_url)
    return endpoint


def token_request(token_url: str, credential: Mapping[str, str]) -> TokenRequest:
    """Ask by the password grant: back ends log in with an access key; client credentials are not offered there.

    Raises:
        CredentialIncomplete: the credential lacks a part.
    """
    form = {
        "grant_type": "password",
        "username": required(credential, "access_key_id"),
        "password": required(credential, "access_key_secret"),
    }
    authorization = basic_authorization(required(credential, "client_id"), required(credential, "client_secret"))
    return TokenRequest(token_url, form, {"Authorization": authorization})
