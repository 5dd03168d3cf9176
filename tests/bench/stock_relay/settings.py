"""Settings of the stock relay: what Channels needs to pass messages on, and no more."""

ALLOWED_HOSTS = ["127.0.0.1"]
ASGI_APPLICATION = "tests.bench.stock_relay.asgi.application"
INSTALLED_APPS = ["channels"]
ROOT_URLCONF = "tests.bench.stock_relay.routing"
SECRET_KEY = "nothing is signed here"  # noqa: S105  the stock relay has no sessions
