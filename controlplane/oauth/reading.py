"""Reads access tokens with the relay's own verifier, so that web and relay never disagree on what a token is."""

from functools import lru_cache
from hashlib import sha256

from django.conf import settings

from relay.gateway.authentication import Identity, TokenVerifier
from relay.protocol.denials import Denied


def read_token(value: str) -> Identity | None:
    """What a token of ours says; nothing if it is none, was changed, or has ended."""
    try:
        return _verifier().verify(value)
    except Denied:
        return None


def token_digest(value: str) -> str:
    """What is stored of a token, and how its row is found: the OAuth library's own digest."""
    return sha256(value.encode()).hexdigest()


@lru_cache(maxsize=1)
def _verifier() -> TokenVerifier:
    return TokenVerifier(settings.VERIFICATION_KEYS, settings.WEB_URL)
