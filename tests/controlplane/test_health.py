import json

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder

from controlplane import health
from relay.store import keys
from relay.store.pool import blocking

pytestmark = pytest.mark.django_db


async def asked(method):
    """Status, headers and body of an answer to /livez, which needs neither a thread nor Django."""
    communicator = ApplicationCommunicator(health.livez, {"type": "http", "method": method, "path": "/livez"})
    start = await communicator.receive_output()
    return start["status"], dict(start["headers"]), (await communicator.receive_output())["body"]


@pytest.mark.asyncio
async def test_a_process_that_answers_is_alive_and_asks_nobody_else():
    status, headers, body = await asked("GET")

    assert (status, json.loads(body)) == (200, {"status": "ok"})
    assert b"no-cache" in headers[b"cache-control"]
    assert (await asked("HEAD"))[::2] == (200, b"")
    assert (await asked("POST"))[0] == 405


def test_with_database_redis_and_migrations_it_is_ready(client, redis):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["findings"] == {"database": "ok", "redis": "ok", "migrations": "ok"}


def test_f19_a_roll_up_that_is_late_is_told_and_takes_no_readiness_away(client, redis):
    assert client.get("/readyz").json()["rollup_lag_seconds"] == 0
    blocking().xadd(keys.telemetry(), {"record": "{}"}, id="1000-0")

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["rollup_lag_seconds"] > 1_000_000_000


def test_without_redis_it_is_not_ready_and_says_so(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    blocking.cache_clear()

    answer = client.get("/readyz")

    blocking.cache_clear()
    assert answer.status_code == 503
    assert answer.json()["findings"] == {"database": "ok", "redis": "failed", "migrations": "ok"}
    assert answer.json()["rollup_lag_seconds"] is None


def test_a_migration_that_waits_makes_it_not_ready(client, redis, db):
    MigrationRecorder.Migration.objects.filter(app="tenants").order_by("name").last().delete()

    assert client.get("/readyz").json()["findings"]["migrations"] == "failed"


def test_a_broken_database_is_a_finding_and_no_stack_trace(client, redis, monkeypatch):
    def fail():
        raise OperationalError("canary")

    monkeypatch.setitem(health.FINDINGS, "database", fail)  # cutting the suite's own database would end the suite

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert b"canary" not in answer.content


def test_readiness_is_only_read(client):
    assert client.post("/readyz").status_code == 405
