"""Genesys Cloud's OAuth: the token endpoint for client credentials, and a token's questions about itself."""

import base64
from collections.abc import Mapping

from aiohttp import web

from floodgate_simulator.access.requests import client_login
from floodgate_simulator.access.tokens import Token
from floodgate_simulator.entry.forms import read_form
from floodgate_simulator.entry.guard import SIMULATION, Refused, api_endpoint, counted, meet_fault

TOKEN_BYTES = 48


def routes() -> list[web.RouteDef]:
    """All paths, with and without the platform's prefix."""
    paths: list[web.RouteDef] = []
    for prefix in ("", "/genesys"):
        own_token = f"{prefix}/api/v2/tokens/me"
        paths += [
            web.post(f"{prefix}/oauth/token", issue_token),
            web.get(own_token, api_endpoint("genesys", describe_token)),
            web.delete(own_token, api_endpoint("genesys", revoke_token)),
        ]
    return paths


async def issue_token(request: web.Request) -> web.StreamResponse:
    """``POST /oauth/token``."""
    return await counted(request.app[SIMULATION].ledger.token_requests, _issue(request))


async def describe_token(request: web.Request, token: Token) -> web.StreamResponse:
    """``GET`` and ``HEAD /api/v2/tokens/me``: whose token this is."""
    del request
    client_id = token.credential.client_id
    organization = {"id": token.credential.tenant_id, "name": "Simulated organization"}
    return web.json_response({"organization": organization, "OAuthClient": {"id": client_id, "name": client_id}})


async def revoke_token(request: web.Request, token: Token) -> web.StreamResponse:
    """``DELETE /api/v2/tokens/me``: this token opens nothing from now on, and its sockets close."""
    token.is_revoked = True
    for connection in request.app[SIMULATION].open_connections():
        if connection.terms.token is token:
            connection.close(1008, "token revoked")
    return web.Response(status=204)


async def _issue(request: web.Request) -> web.StreamResponse:
    simulation = request.app[SIMULATION]
    form = await read_form(request)
    login = client_login(request.headers.get("Authorization", ""), form, url_encoded=False)
    await meet_fault(request, "token", "genesys", login.client_id)
    _require_grant(form)
    credential = simulation.credentials.find("genesys", login.client_id)
    if credential is None:
        raise Refused(_oauth_error(401, "invalid_client", "client not found"))
    if credential.client_secret != login.client_secret:
        raise Refused(_oauth_error(401, "invalid_client", "authentication failed"))
    value = base64.urlsafe_b64encode(simulation.random.randbytes(TOKEN_BYTES)).decode()
    simulation.issue_token(credential, value)
    answer = {"access_token": value, "token_type": "bearer", "expires_in": int(credential.token_life)}
    return web.json_response(answer, headers={"Cache-Control": "no-store"})


def _require_grant(form: Mapping[str, str]) -> None:
    grant = form.get("grant_type", "")
    if not grant:
        raise Refused(_oauth_error(400, "invalid_request", "grant_type is missing"))
    if grant != "client_credentials":
        raise Refused(_oauth_error(400, "unsupported_grant_type", f"grant_type {grant} is not supported"))


def _oauth_error(status: int, error: str, description: str) -> web.Response:
    """Genesys says the description twice."""
    body = {"error": error, "description": description, "error_description": description}
    return web.json_response(body, status=status)
