"""``/control/push`` and ``/control/health``: make sockets talk, and see that the simulator lives."""

from typing import Any, cast

from aiohttp import web

from floodgate_simulator.control.answers import explained
from floodgate_simulator.control.fields import FieldTypes, read_fields
from floodgate_simulator.entry.guard import SIMULATION
from floodgate_simulator.sockets.pushing import PushPlan

PUSH_FIELDS: FieldTypes = {"channel": str, "rate": (int, float), "size": int}


def routes() -> list[web.RouteDef]:
    """All paths."""
    return [web.post("/control/push", explained(push)), web.get("/control/health", show_health)]


async def push(request: web.Request) -> web.StreamResponse:
    """Send numbered messages to all connections of a channel, open and to come; rate 0 stops."""
    fields = await read_fields(request, PUSH_FIELDS, required=("channel",))
    channel = cast(str, fields.pop("channel"))
    plan = PushPlan(**cast("dict[str, Any]", fields))
    open_now = request.app[SIMULATION].push(channel, plan)
    return web.json_response({"channel": channel, "rate": plan.rate, "size": plan.size, "connections": open_now})


async def show_health(request: web.Request) -> web.StreamResponse:
    """200 as long as the simulator answers at all."""
    open_now = sum(1 for _ in request.app[SIMULATION].open_connections())
    return web.json_response({"status": "ok", "open_connections": open_now})
