"""Genesys Cloud CX: how a token is asked for. Everything else about it that the relay needs is in the URL templates."""

from collections.abc import Mapping

from relay.platforms.answers import TokenRequest, required
from relay.platforms.tokens import basic_authorization


def token_request(token_url: str, credential: Mapping[str, str]) -> TokenRequest:
    """Ask with client credentials (platforms: the vendor's Python SDK, ``api_client.py``).

    Raises:
        CredentialIncomplete: the credential lacks a part.
    """
    authorization = basic_authorization(required(credential, "client_id"), required(credential, "client_secret"))
    return TokenRequest(token_url, {"grant_type": "client_credentials"}, {"Authorization": authorization})
