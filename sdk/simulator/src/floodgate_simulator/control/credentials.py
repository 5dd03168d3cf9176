"""``/control/credentials``: let the platforms know another credential."""

from typing import Any, cast

from aiohttp import web

from floodgate_simulator.access.credentials import Credential
from floodgate_simulator.control.answers import explained
from floodgate_simulator.control.fields import FieldTypes, read_fields
from floodgate_simulator.entry.guard import SIMULATION

FIELDS: FieldTypes = {
    "platform": str,
    "client_id": str,
    "client_secret": str,
    "access_key_id": str,
    "access_key_secret": str,
    "tenant_id": str,
    "token_life_seconds": (int, float),
    "connections_per_token": int,
    "messages_per_second": (int, float),
    "burst": int,
    "limit_by": str,
    "over_limit": str,
}


def routes() -> list[web.RouteDef]:
    """The one path."""
    return [web.post("/control/credentials", explained(add_credential))]


async def add_credential(request: web.Request) -> web.StreamResponse:
    """Know a credential from now on; one of the same client id is replaced for tokens to come."""
    fields = await read_fields(request, FIELDS, required=("platform", "client_id", "client_secret"))
    credential = Credential(**cast("dict[str, Any]", fields))
    request.app[SIMULATION].know(credential)
    return web.json_response({"platform": credential.platform, "client_id": credential.client_id}, status=201)
