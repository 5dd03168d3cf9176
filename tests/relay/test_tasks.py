import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone

from relay.models.processes import Gap, RelayProcess
from relay.models.rollups import HandshakeRollup, TrafficRollup
from relay.tasks import forget_old_telemetry, roll_up_telemetry
from tests.architecture.sources import ROOT
from tests.relay.beats import workers
from tests.relay.counted import BILLING, TENANT_ID, append, messages, record

RECORDS, RECORDS_A_BEAT, MESSAGES_EACH = 2000, 100, 1000
MOMENT = timedelta(minutes=1)


@pytest.fixture
def worker_of(redis, redis_url, test_database):
    """Starts real workers on the test's own database and Redis."""

    def start(count):
        return workers(count, DATABASE_URL=test_database, REDIS_URL=redis_url)

    return start


@pytest.fixture
def obstacle(test_database):
    """Opens a transaction that lets a roll-up write its sums, but not what it knows of the process behind them."""

    @contextmanager
    def open_one():
        with psycopg.connect(test_database) as other:
            other.execute("SELECT 1 FROM relay_relayprocess FOR UPDATE")
            yield other

    return open_one


def wait_until_somebody_waits_for(other):
    """Wait until another transaction waits for this one."""
    blocked = "SELECT 1 FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    while not other.execute(blocked).fetchone():
        other.execute("SELECT pg_stat_clear_snapshot()")


@pytest.fixture
def stuck(worker_of, obstacle):
    """A worker in the middle of a roll-up, and what it waits for: 3 messages are counted, 4 are not committed."""

    @contextmanager
    def open_one():
        append(record(1, 3))
        roll_up_telemetry()
        append(record(2, 4))
        with worker_of(1) as [worker], obstacle() as other:
            worker.beat()
            wait_until_somebody_waits_for(other)
            yield worker, other

    return open_one


def beat_until(condition):
    """Roll up as beat does, again and again; the test's own time limit ends it."""
    while not condition():
        roll_up_telemetry()


def aged(model, granularity, age):
    """A sum whose period began so long ago."""
    started_at = timezone.now() - age
    channel = {"channel_id": BILLING} if model is TrafficRollup else {}
    return model.objects.create(
        granularity=granularity, started_at=started_at, tenant_id=TENANT_ID, client_id="crm-sync", **channel
    )


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_f25_workers_that_are_told_at_the_same_moment_count_two_million_messages_once(worker_of):
    with worker_of(3) as told:
        for first in range(1, RECORDS, RECORDS_A_BEAT):
            append(*(record(sequence, MESSAGES_EACH) for sequence in range(first, first + RECORDS_A_BEAT)))
            for worker in told:
                worker.beat()
            for worker in told:
                worker.wait_until_done()

    assert (messages("minute"), messages("hour"), messages("day")) == (2_000_000, 2_000_000, 2_000_000)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_f24_a_worker_that_is_killed_between_its_sums_and_its_position_counts_nothing(stuck):
    with stuck() as (worker, _):
        worker.kill()

    assert messages() == 3
    beat_until(lambda: messages() > 3)
    assert messages() == 7


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_f24_others_do_not_wait_for_a_worker_that_stands_still(stuck):
    with stuck() as (worker, other):
        roll_up_telemetry()
        assert messages() == 3
        other.rollback()
        worker.wait_until_done()

    assert messages() == 7


@pytest.mark.faults
@pytest.mark.slow
def test_f25_on_sqlite_too_workers_count_once(redis, redis_url, tmp_path):
    database = f"sqlite:///{tmp_path}/telemetry.sqlite3"
    variables = {**os.environ, "DATABASE_URL": database}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=variables, check=True)
    append(*(record(sequence, 5) for sequence in range(1, 1001)))

    with workers(2, DATABASE_URL=database, REDIS_URL=redis_url) as told:
        for _ in range(3):
            for worker in told:
                worker.beat()
            for worker in told:
                worker.wait_until_done()

    with closing(sqlite3.connect(f"{tmp_path}/telemetry.sqlite3")) as connection:
        sums = connection.execute("SELECT granularity, messages FROM relay_trafficrollup").fetchall()
    assert sorted(sums) == [("day", 5000), ("hour", 5000), ("minute", 5000)]


@pytest.mark.django_db
def test_f9_without_redis_the_next_run_makes_up_for_it(own_server, caplog):
    append(record(1, 3))
    with own_server.frozen():
        roll_up_telemetry()
    assert "telemetry_not_rolled_up" in caplog.text

    roll_up_telemetry()

    assert messages() == 3


@pytest.mark.django_db
def test_minutes_are_kept_for_two_days_hours_for_90_and_days_for_two_years():
    kept = {"minute": timedelta(hours=48), "hour": timedelta(days=90), "day": timedelta(days=730)}
    models = (TrafficRollup, HandshakeRollup)
    young = {aged(model, length, age - MOMENT) for model in models for length, age in kept.items()}
    for model in models:
        for length, age in kept.items():
            aged(model, length, age + MOMENT)

    forget_old_telemetry()

    assert {row for model in models for row in model.objects.all()} == young


@pytest.mark.django_db
def test_processes_and_gaps_are_kept_as_long_as_days():
    now = timezone.now()
    for worker, age in (("old", 731), ("young", 729)):
        at = now - timedelta(days=age)
        process = RelayProcess.objects.create(worker=worker, last_sequence=1, last_ended_at=at, heard_at=at)
        Gap.objects.create(process=process, reason=Gap.Reason.NO_LAST_RECORD, after_sequence=1, started_at=at)

    forget_old_telemetry()

    assert [process.worker for process in RelayProcess.objects.all()] == ["young"]
    assert [gap.process_id for gap in Gap.objects.all()] == ["young"]
