import time

import pytest
from auditlog.models import LogEntry

from relay.store import keys
from relay.store.pool import blocking
from relay.store.receipts import CONFIRM, KEPT_MS
from relay.store.workers import ALIVE_SECONDS

BEFORE_ALL = "0-0"


@pytest.fixture
def audit_entries():
    """The audit log in order, or of it one kind of event."""

    def read(event=None):
        entries = LogEntry.objects.order_by("pk")
        return [entry for entry in entries if event in (None, entry.additional_data["event"])]

    return read


@pytest.fixture
def alive(redis):
    """Makes relay processes that say they are alive."""

    def make(*names, seconds_ago=0.0):
        until = time.time() - seconds_ago + ALIVE_SECONDS
        blocking().zadd(keys.workers(), dict.fromkeys(names, until * 1_000_000))

    return make


@pytest.fixture
def confirm(redis):
    """Has a relay process say that it applied all announcements; ``held`` is the version to which it holds clients."""

    def say(version, worker, *, began_after=BEFORE_ALL, held=None):
        tenant_id = str(version.policy.tenant_id)
        [(entry_id, _)] = blocking().xrevrange(keys.announcements(), count=1)
        words = [worker, entry_id, began_after, KEPT_MS, *([str(version.policy_id), held] if held else [])]
        CONFIRM.run_in_thread([keys.receipts(tenant_id), keys.announced(tenant_id)], words)

    return say
