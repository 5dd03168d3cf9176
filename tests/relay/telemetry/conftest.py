"""The test's own Redis, which telemetry may find gone."""

import pytest
import pytest_asyncio

from relay.store.pool import blocking, on_loop
from tests.relay.store.own_server import OwnServer


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


@pytest_asyncio.fixture
async def redis_on_loop():
    """Redis for the test's own loop, by the settings of that moment."""
    opened = on_loop()
    yield opened
    await opened.aclose()
