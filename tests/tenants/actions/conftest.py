import pytest

from relay.store import keys
from relay.store.pool import blocking


@pytest.fixture
def announced(redis, django_capture_on_commit_callbacks):
    """What relays are told by an action, once its transaction is committed: ids of tenants."""

    def run(action, *arguments, **named):
        with django_capture_on_commit_callbacks(execute=True):
            action(*arguments, **named)
        return [entry["tenant"] for _, entry in blocking().xrange(keys.announcements())]

    return run
