"""A relay with short patience, for what would take half a minute."""

import pytest

from tests.relay.running import running_relay


@pytest.fixture(scope="module")
def impatient_relay(relays_redis_url):
    """Bounds of a second where the usual ones are 30 s or none, and of four fragments."""
    with running_relay(relays_redis_url, SLOW_READER_SECONDS=1, IDLE_SECONDS=1, MOST_FRAGMENTS=4) as running:
        yield running
