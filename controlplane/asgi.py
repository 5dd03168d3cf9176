"""Web as an ASGI application: OAuth's POST endpoints, and Django with its static files behind them."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
django_application = get_asgi_application()  # loads the apps, which the imports below need

from controlplane.oauth.routing import oauth_routes  # noqa: E402
from controlplane.oauth.signing import signing_key  # noqa: E402

signing_key()  # without it web can't do its work: stop here, not at the first request

application = ProtocolTypeRouter({"http": URLRouter([*oauth_routes(), re_path(r"", django_application)])})
