"""The application that Daphne and Uvicorn serve."""

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from tests.bench.stock_relay.routing import websocket_routes

application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": websocket_routes})
