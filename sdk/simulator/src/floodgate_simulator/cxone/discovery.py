"""CXone's two discovery documents, built from the address that the client itself used."""

from aiohttp import web

AREA = "na1"


def routes() -> list[web.RouteDef]:
    """Both documents, with and without the platform's prefix."""
    paths: list[web.RouteDef] = []
    for prefix in ("", "/cxone"):
        paths += [
            web.get(f"{prefix}/.well-known/openid-configuration", openid_configuration),
            web.get(f"{prefix}/.well-known/cxone-configuration", cxone_configuration),
        ]
    return paths


async def openid_configuration(request: web.Request) -> web.StreamResponse:
    """Where tokens come from. No revocation endpoint is listed: CXone has none."""
    issuer = _issuer(request)
    return web.json_response(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/auth/authorize",
            "token_endpoint": f"{issuer}/auth/token",
            "end_session_endpoint": f"{issuer}/auth/authorize/logout",
            "userinfo_endpoint": f"{issuer}/auth/userinfo",
            "jwks_uri": f"{issuer}/auth/jwks",
            "grant_types_supported": ["authorization_code", "password", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        },
    )


async def cxone_configuration(request: web.Request) -> web.StreamResponse:
    """Where a tenant's API is. No token is needed."""
    tenant_id = request.query.get("tenantId", "")
    if not tenant_id:
        message = "tenantId is required"
        return web.json_response({"error": "invalid_request", "error_description": message}, status=400)
    issuer = _issuer(request)
    return web.json_response(
        {
            "api_endpoint": issuer,
            "auth_endpoint": issuer,
            "ui_endpoint": issuer,
            "area": AREA,
            "cluster": "C1",
            "domain": request.host,
            "acdDomain": request.host,
            "uhDomain": request.host,
            "globaldomain": request.host,
            "tenantId": tenant_id,
            "private": False,
        },
    )


def _issuer(request: web.Request) -> str:
    """The address before ``/.well-known``, as the client wrote it."""
    return f"{request.scheme}://{request.host}{request.path.split('/.well-known')[0]}"
