"""A relay and a Redis of a test's own, for what would disturb the others."""

import pytest

from relay.store.pool import blocking
from tests.relay.running import running_relay
from tests.relay.store.own_server import OwnServer


@pytest.fixture
def mortal_relay(relays_redis_url, store):
    """A relay that the test may end; its Redis is that of the lasting one."""
    with running_relay(relays_redis_url) as running:
        yield running


@pytest.fixture
def mortal_redis(settings):
    """A Redis that the test may end and start again empty; the code under test uses it."""
    server = OwnServer()
    settings.REDIS_URL = server.url
    blocking.cache_clear()
    server.start()
    yield server
    blocking().close()
    blocking.cache_clear()
    server.end()
