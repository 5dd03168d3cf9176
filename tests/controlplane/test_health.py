import pytest
from django.db import OperationalError, connection

from controlplane import health
from relay.store import keys
from relay.store.pool import blocking

pytestmark = pytest.mark.django_db


def test_a_process_that_answers_is_alive(client):
    answer = client.get("/livez")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-cache" in answer["Cache-Control"]


def test_liveness_asks_nobody_else(client, settings, django_assert_num_queries):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with django_assert_num_queries(0):
        assert client.get("/livez").status_code == 200


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
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'tenants' AND name = '0003_fair_shares'")

    assert client.get("/readyz").json()["findings"]["migrations"] == "failed"


def test_a_broken_database_is_a_finding_and_no_stack_trace(client, redis, monkeypatch):
    def fail():
        raise OperationalError("canary")

    monkeypatch.setitem(health.FINDINGS, "database", fail)  # cutting the suite's own database would end the suite

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert b"canary" not in answer.content


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_they_are_only_read(path, client):
    assert client.post(path).status_code == 405
