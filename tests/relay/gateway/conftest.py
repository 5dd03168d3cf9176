"""A relay of a test's own, for what would disturb the others."""

import pytest

from tests.relay.running import running_relay


@pytest.fixture
def mortal_relay(relays_redis_url, store):
    """A relay that the test may end; its Redis is that of the lasting one."""
    with running_relay(relays_redis_url) as running:
        yield running
