"""What programs read before they ask for a token: server metadata (RFC 8414) and public keys (RFC 7517)."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from controlplane.oauth.signing import public_key_set
from controlplane.oauth.token import GRANT_TYPE

METHODS = ["client_secret_basic", "client_secret_post"]
KEY_LIFE_SECONDS = 3600


@require_safe
@cache_control(public=True, max_age=KEY_LIFE_SECONDS)
def server_metadata(_request: HttpRequest) -> JsonResponse:
    """Where the endpoints are and what they can do."""
    return JsonResponse(
        {
            "issuer": settings.WEB_URL,
            "token_endpoint": f"{settings.WEB_URL}/oauth/token",
            "revocation_endpoint": f"{settings.WEB_URL}/oauth/revoke",
            "introspection_endpoint": f"{settings.WEB_URL}/oauth/introspect",
            "jwks_uri": f"{settings.WEB_URL}/.well-known/jwks.json",
            "grant_types_supported": [GRANT_TYPE],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": METHODS,
            "revocation_endpoint_auth_methods_supported": METHODS,
            "introspection_endpoint_auth_methods_supported": METHODS,
        }
    )


@require_safe
@cache_control(public=True, max_age=KEY_LIFE_SECONDS)
def key_set(_request: HttpRequest) -> JsonResponse:
    """The public keys that verify tokens."""
    return JsonResponse(public_key_set())
