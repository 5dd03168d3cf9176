"""CXone's token endpoints: access keys by the password grant, refresh tokens, and the older access-key call."""

import base64
from collections.abc import Mapping

from aiohttp import web

from floodgate_simulator.access.credentials import Credential
from floodgate_simulator.access.requests import ClientLogin, client_login
from floodgate_simulator.clock import unix_now
from floodgate_simulator.cxone.discovery import AREA
from floodgate_simulator.cxone.jwt import simulated_jwt
from floodgate_simulator.entry.forms import read_form
from floodgate_simulator.entry.guard import SIMULATION, Refused, counted, meet_fault
from floodgate_simulator.simulation import Simulation

REFRESH_TOKEN_BYTES = 24


def routes() -> list[web.RouteDef]:
    """All paths, with and without the platform's prefix."""
    paths: list[web.RouteDef] = []
    for prefix in ("", "/cxone"):
        paths += [
            web.post(f"{prefix}/auth/token", issue_token),
            web.post(f"{prefix}/authentication/v1/token/access-key", issue_token_for_access_key),
        ]
    return paths


async def issue_token(request: web.Request) -> web.StreamResponse:
    """``POST /auth/token``."""
    return await counted(request.app[SIMULATION].ledger.token_requests, _issue(request))


async def issue_token_for_access_key(request: web.Request) -> web.StreamResponse:
    """``POST /authentication/v1/token/access-key``: the older call, without an OAuth client."""
    return await counted(request.app[SIMULATION].ledger.token_requests, _issue_for_access_key(request))


async def _issue(request: web.Request) -> web.StreamResponse:
    simulation = request.app[SIMULATION]
    form = await read_form(request)
    login = client_login(request.headers.get("Authorization", ""), form, url_encoded=True)
    await meet_fault(request, "token", "cxone", login.client_id)
    credential = _require_client(simulation, login)
    grant = form.get("grant_type", "")
    if grant == "password":
        _require_access_key(credential, form.get("username", ""), form.get("password", ""))
    elif grant == "refresh_token":
        _require_refresh_token(simulation, credential, form.get("refresh_token", ""))
    else:
        raise Refused(_oauth_error(400, "unsupported_grant_type", f"grant_type {grant or '(none)'} is not supported"))
    return web.json_response(_new_token(simulation, credential), headers={"Cache-Control": "no-store"})


async def _issue_for_access_key(request: web.Request) -> web.StreamResponse:
    simulation = request.app[SIMULATION]
    fields = await read_form(request)
    access_key_id = fields.get("accessKeyId", "")
    credential = simulation.credentials.find_by_access_key(access_key_id)
    await meet_fault(request, "token", "cxone", None if credential is None else credential.client_id)
    if credential is None or credential.access_key_secret != fields.get("accessKeySecret", ""):
        raise Refused(_oauth_error(401, "invalid_grant", "access key is unknown or its secret is wrong"))
    return web.json_response(_new_token(simulation, credential), headers={"Cache-Control": "no-store"})


def _require_client(simulation: Simulation, login: ClientLogin) -> Credential:
    credential = simulation.credentials.find("cxone", login.client_id)
    if credential is None or credential.client_secret != login.client_secret:
        raise Refused(_oauth_error(401, "invalid_client", "client is unknown or its secret is wrong"))
    return credential


def _require_access_key(credential: Credential, access_key_id: str, access_key_secret: str) -> None:
    is_known = access_key_id and access_key_id == credential.access_key_id
    if not is_known or access_key_secret != credential.access_key_secret:
        raise Refused(_oauth_error(400, "invalid_grant", "access key is unknown or its secret is wrong"))


def _require_refresh_token(simulation: Simulation, credential: Credential, refresh_value: str) -> None:
    token = simulation.tokens.find_by_refresh_value(refresh_value)
    if token is None or token.credential.client_id != credential.client_id:
        raise Refused(_oauth_error(400, "invalid_grant", "refresh token is unknown or revoked"))


def _new_token(simulation: Simulation, credential: Credential) -> Mapping[str, object]:
    issued_at = int(unix_now())
    claims = {
        "sub": f"user:{credential.access_key_id}",
        "tenantId": credential.tenant_id,
        "area": AREA,
        "icClusterId": "C1",
        "icBUId": 1,
        "userId": credential.access_key_id,
        "iat": issued_at,
        "exp": issued_at + int(credential.token_life),
    }
    value = simulated_jwt(claims, simulation.random)
    refresh_value = base64.urlsafe_b64encode(simulation.random.randbytes(REFRESH_TOKEN_BYTES)).decode()
    simulation.issue_token(credential, value, refresh_value)
    return {
        "access_token": value,
        "token_type": "Bearer",
        "expires_in": int(credential.token_life),
        "refresh_token": refresh_value,
        "id_token": simulated_jwt({**claims, "aud": credential.client_id}, simulation.random),
    }


def _oauth_error(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
