"""Web as an ASGI application: OAuth's POST endpoints and /livez, and Django with its static files behind them."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
django_application = get_asgi_application()  # loads the apps, which the imports below need

from controlplane.content_security import Send, hardened  # noqa: E402
from controlplane.health import livez  # noqa: E402
from controlplane.oauth.routing import oauth_endpoints  # noqa: E402
from controlplane.oauth.signing import signing_key  # noqa: E402
from relay.protocol.heads import decoded_path  # noqa: E402

signing_key()  # without it web can't do its work: stop here, not at the first request
_endpoints: dict[str, Any] = {"/livez": livez, **oauth_endpoints()}


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Send,
) -> None:
    """Answer one request: OAuth's own endpoints and /livez without Django's middleware, all else with it."""
    path = decoded_path(scope["raw_path"]) if scope["type"] == "http" else ""  # an encoded slash divides no segments
    endpoint = _endpoints.get(path.rstrip("/"), django_application)
    await endpoint(scope, receive, hardened(send))
