"""What answers of ours may load and do in a browser (Content Security Policy, level 3): nothing from elsewhere."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

STRICT = {
    "default-src": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# Unfold's Alpine evaluates expressions in attributes, its colours stand in a style element, its icons in data URLs.
UNFOLD = {"script-src": "'self' 'unsafe-eval'", "style-src": "'self' 'unsafe-inline'", "img-src": "'self' data:"}
ADMIN_PATH = "/admin/"
BARE = (  # what JSON and short errors have: they are taken for nothing else, load nothing, and stand in no frame
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Gives every answer of Django's the strict policy, and those of the admin what Unfold needs besides."""

    sync_capable = async_capable = True

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the header."""
        rules = STRICT | UNFOLD if request.path.startswith(ADMIN_PATH) else STRICT
        response.headers["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in rules.items())
        return response


def hardened(send: Send) -> Send:
    """Send answers with what browsers must know of each, whoever made it; a policy that it has already stays."""

    async def send_hardened(event: dict[str, Any]) -> None:
        if event["type"] == "http.response.start":
            headers = list(event["headers"])
            names = {name.lower() for name, _ in headers}
            event = {**event, "headers": headers + [pair for pair in BARE if pair[0] not in names]}
        await send(event)

    return send_hardened
