"""The one path of the stock relay."""

from typing import Any

from channels.routing import URLRouter
from django.urls import path

from tests.bench.stock_relay.consumers import RelayConsumer

urlpatterns: list[object] = []  # no pages
RELAY: Any = RelayConsumer.as_asgi()  # Django types its paths for views
websocket_paths: list[Any] = [path("v2/websocket/<str:channel>", RELAY)]
websocket_routes = URLRouter(websocket_paths)
