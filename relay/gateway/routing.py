"""The relay's ASGI applications: which path leads to which door, and what lives as long as the process."""

from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import re_path

from relay.gateway.background import running_worker
from relay.gateway.consumer import Receive, RelayConsumer, Scope, Send, unknown_path
from relay.gateway.http import http_door
from relay.gateway.operations import MetricsPage, OperationsPaths

CHANNEL = r"(?P<channel>[a-z0-9][a-z0-9_-]{0,63})"
TENANT = r"(?P<tenant>[a-z0-9-]{1,64})"

RELAY: Any = RelayConsumer.as_asgi()  # Django types its paths for views
UNKNOWN: Any = unknown_path
websocket_paths: list[Any] = [
    re_path(rf"^v2/websocket/{CHANNEL}\Z", RELAY),
    re_path(rf"^realtime/{TENANT}/{CHANNEL}\Z", RELAY),
    re_path(r"", UNKNOWN),
]
known_paths = URLRouter(websocket_paths)


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Make the worker when the process starts, end it when the process ends."""
    state: dict[str, Any] = scope["state"]
    async with AsyncExitStack() as stack:
        await receive()  # lifespan.startup
        worker = state["worker"] = await stack.enter_async_context(running_worker())
        state["metrics"] = MetricsPage(worker)
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
    await send({"type": "lifespan.shutdown.complete"})


def websocket(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Find the path. The router passes over all slashes at its beginning, although each begins a segment."""
    found: Any = UNKNOWN if scope["path"].startswith("//") else known_paths
    awaited: Awaitable[None] = found(scope, receive, send)
    return awaited


application = ProtocolTypeRouter({"websocket": websocket, "http": http_door, "lifespan": lifespan})
operations = ProtocolTypeRouter({"websocket": unknown_path, "http": OperationsPaths()})  # on a port of its own
