import pytest

from tests.controlplane.running_web import running_web


@pytest.fixture
def web(transactional_db, redis, redis_url, test_database):
    """A real web process on the test's own database and Redis."""
    with running_web(DATABASE_URL=test_database, REDIS_URL=redis_url) as web:
        yield web
