"""The rest of Genesys Cloud's REST API: paths that the simulator does not know answer 404 in its form."""

from aiohttp import web

from floodgate_simulator.access.tokens import Token
from floodgate_simulator.answers.platforms import ANSWERS
from floodgate_simulator.entry.guard import api_endpoint


def routes() -> list[web.RouteDef]:
    """Whatever lies under ``/api/v2``; to be added after all known paths."""
    return [
        web.route("*", f"{prefix}/api/v2/{{path:.*}}", api_endpoint("genesys", unknown)) for prefix in ("", "/genesys")
    ]


async def unknown(request: web.Request, token: Token) -> web.StreamResponse:
    """404 with the usual body."""
    del request, token
    return ANSWERS["genesys"].error(404)
