"""The one path of the stock relay."""

from channels.routing import URLRouter
from django.urls import path

from tests.bench.stock_relay.consumers import RelayConsumer

urlpatterns: list[object] = []  # no pages
websocket_routes = URLRouter([path("v2/websocket/<str:channel>", RelayConsumer.as_asgi())])
