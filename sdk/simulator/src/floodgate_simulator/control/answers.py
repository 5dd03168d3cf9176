"""The control API's answers: JSON, and 400 with a sentence where a request makes no sense."""

from collections.abc import Awaitable, Callable

from aiohttp import web

ControlEndpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]


def explained(endpoint: ControlEndpoint) -> ControlEndpoint:
    """The same endpoint, whose ``ValueError`` becomes an answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await endpoint(request)
        except ValueError as problem:
            return web.json_response({"error": str(problem)}, status=400)

    return answer


def not_found(what: str) -> web.Response:
    """404 with a sentence."""
    return web.json_response({"error": f"{what} does not exist."}, status=404)
