"""Access tokens (RFC 9068): signs them with web's private key, and shows the public ones (RFC 7517)."""

import secrets
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from joserfc import jwt
from joserfc.jwk import RSAKey

from tenants.models.clients import OAuthClient

AUDIENCE, TOKEN_TYPE, ALGORITHM = "floodgate", "at+jwt", "RS256"
TOKEN_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token as the client gets it, and when it ends in Unix seconds."""

    value: str
    expires_at: int


def sign_token(client: OAuthClient, scope: str, now: float) -> SignedToken:
    """Make a token for ``client``, issued at ``now`` in Unix seconds.

    ``iat`` keeps its fraction (RFC 7519 allows that), so that a token issued in the same second as a
    revocation, but after it, is valid.
    """
    expires_at = int(now) + client.token_life_seconds
    claims = {
        "iss": settings.WEB_URL,
        "sub": client.client_id,
        "client_id": client.client_id,
        "aud": AUDIENCE,
        "iat": round(now, 6),
        "exp": expires_at,
        "jti": secrets.token_urlsafe(TOKEN_ID_BYTES),
        "scope": scope,
        "tenant": str(client.tenant_id),
    }
    key = signing_key()
    header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.kid or ""}
    return SignedToken(jwt.encode(header, claims, key), expires_at)


@lru_cache(maxsize=1)
def signing_key() -> RSAKey:
    """Web's private key; its id is its thumbprint (RFC 7638).

    Raises:
        ImproperlyConfigured: this process was given none.
    """
    if not settings.SIGNING_KEY:
        raise ImproperlyConfigured("FLOODGATE_SIGNING_KEY is not set, and web signs tokens with it.")
    key = RSAKey.import_key(settings.SIGNING_KEY)
    key.ensure_kid()
    return key


def public_key_set() -> dict[str, object]:
    """All keys that tokens may be signed with, as a JSON Web Key Set: while keys change there are several."""
    keys = [RSAKey.import_key(pem) for pem in settings.VERIFICATION_KEYS]
    return {"keys": [{**key.as_dict(), "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM} for key in keys]}
