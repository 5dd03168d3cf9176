"""The store's own Redis: a shared one that is empty, one of the test's own, and an address where nothing listens."""

import pytest
import pytest_asyncio

from relay.store.pool import blocking, on_loop
from tests.relay.store.own_server import OwnServer

NOTHING_LISTENS = "redis://:canary-password@127.0.0.1:1/0"


@pytest.fixture
def own_server(settings):
    """A Redis that the test may ill-treat, and that the code under test uses."""
    server = OwnServer()
    settings.REDIS_URL = server.url
    blocking.cache_clear()
    server.start()
    yield server
    blocking().close()
    blocking.cache_clear()
    server.end()


@pytest.fixture
def no_redis(settings):
    """No Redis, for the code under test."""
    settings.REDIS_URL = NOTHING_LISTENS
    blocking.cache_clear()
    yield
    blocking.cache_clear()


@pytest_asyncio.fixture
async def redis_on_loop():
    """Opens Redis for the test's own loop, by the settings of that moment."""
    opened = on_loop()
    yield opened
    await opened.aclose()
