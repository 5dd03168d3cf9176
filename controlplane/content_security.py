"""What pages of ours may load and do in a browser (Content Security Policy, level 3): nothing from elsewhere."""

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


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Gives every answer of Django's the strict policy, and those of the admin what Unfold needs besides."""

    sync_capable = async_capable = True

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the header."""
        rules = STRICT | UNFOLD if request.path.startswith(ADMIN_PATH) else STRICT
        response.headers["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in rules.items())
        return response
