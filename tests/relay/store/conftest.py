"""An address where no Redis listens."""

import pytest

from relay.store.pool import blocking

NOTHING_LISTENS = "redis://:canary-password@127.0.0.1:1/0"


@pytest.fixture
def no_redis(settings):
    """No Redis, for the code under test."""
    settings.REDIS_URL = NOTHING_LISTENS
    blocking.cache_clear()
    yield
    blocking.cache_clear()
