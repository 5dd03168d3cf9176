"""Tokens that look like CXone's: well-formed JWTs whose signature proves nothing."""

import base64
import json
from collections.abc import Mapping
from random import Random

SIGNATURE_BYTES = 32
_HEADER = {"alg": "HS256", "typ": "JWT"}


def simulated_jwt(claims: Mapping[str, object], random: Random) -> str:
    """A JWT with these claims and a random signature, so that no two are alike."""
    parts = (json.dumps(_HEADER).encode(), json.dumps(claims).encode(), random.randbytes(SIGNATURE_BYTES))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
