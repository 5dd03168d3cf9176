"""The rest of CXone's REST API: paths that the simulator does not know answer 404 in its form."""

from aiohttp import web

from floodgate_simulator.access.tokens import Token
from floodgate_simulator.answers.platforms import ANSWERS
from floodgate_simulator.entry.guard import api_endpoint

ROOTS = ("/incontactapi", "/dfo")


def routes() -> list[web.RouteDef]:
    """Whatever lies under CXone's two roots; to be added after all known paths."""
    return [
        web.route("*", f"{prefix}{root}/{{path:.*}}", api_endpoint("cxone", unknown))
        for prefix in ("", "/cxone")
        for root in ROOTS
    ]


async def unknown(request: web.Request, token: Token) -> web.StreamResponse:
    """404 with the usual body."""
    del request, token
    return ANSWERS["cxone"].error(404)
