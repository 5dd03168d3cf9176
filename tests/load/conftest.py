"""The real processes of tests/faults, and as many open files as thousands of connections take."""

import resource

import pytest

from tests.faults.conftest import (
    client_of,
    faults_redis_url,
    nothing_is_left_over,
    platform_of,
    relay_of,
    tenant_of,
    told,
)

__all__ = ["client_of", "faults_redis_url", "nothing_is_left_over", "platform_of", "relay_of", "tenant_of", "told"]
MOST_FILES = 16_384


@pytest.fixture
def many_files():
    """Processes that the test starts may open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, max(hard, MOST_FILES)))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
