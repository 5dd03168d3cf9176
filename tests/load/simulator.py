"""What a test asks of a simulator in a process of its own, by its control API."""

import base64
import json
import urllib.request
from typing import Any

from tests.relay.records import CREDENTIAL

Json = dict[str, Any]


def stats(port: int) -> Json:
    """All counts."""
    return _asked(port, "/control/stats")


def reset(port: int) -> None:
    """Begin all counts at zero."""
    _asked(port, "/control/reset", b"{}")


def authorization(port: int) -> str:
    """What opens a socket there without a relay."""
    secret = base64.b64encode(f"{CREDENTIAL.client_id}:{CREDENTIAL.client_secret}".encode()).decode()
    token = _asked(port, "/oauth/token", b"grant_type=client_credentials", Authorization=f"Basic {secret}")
    return f"Bearer {token['access_token']}"


def _asked(port: int, path: str, body: bytes | None = None, **headers: str) -> Json:
    question = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
    with urllib.request.urlopen(question, timeout=30) as answer:  # noqa: S310
        told: Json = json.loads(answer.read())
    return told
