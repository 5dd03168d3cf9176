import os
import subprocess
import sys

import pytest
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from controlplane.celery import application
from relay.store import keys
from relay.store.pool import blocking
from tests.architecture.sources import ROOT


def test_every_scheduled_job_is_a_task_that_is_there():
    application.loader.import_default_modules()

    wanted = {entry["task"] for entry in application.conf.beat_schedule.values()}
    assert wanted <= set(application.tasks)


def test_only_json_is_taken_and_nothing_is_lost_when_a_worker_dies():
    assert application.conf.accept_content == ["json"]
    assert application.conf.task_acks_late is True
    assert application.conf.broker_transport_options == {"visibility_timeout": 120}


@pytest.mark.django_db
def test_f26_rolling_up_is_asked_for_every_five_seconds_and_is_stale_after_a_minute():
    planned = application.conf.beat_schedule["roll up telemetry"]

    entry = ModelEntry.from_entry("roll up telemetry", app=application, **planned)

    assert str(PeriodicTask.objects.get().scheduler) == "every 5 seconds"
    assert entry.options["expires"] == 60


@pytest.mark.slow
def test_a_real_worker_rebuilds_what_relays_know(transactional_db, acme, redis, redis_url, test_database):
    variables = {**os.environ, "DATABASE_URL": test_database, "REDIS_URL": redis_url, "FLOODGATE_LOG_LEVEL": "INFO"}
    command = [sys.executable, "-m", "celery", "-A", "controlplane.celery", "worker", "--pool", "solo", "-l", "INFO"]
    with application.connection_for_write(redis_url) as broker:
        application.send_task("tenants.tasks.rebuild_records", connection=broker)

    with subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True) as worker:
        finished = any("succeeded" in line for line in worker.stdout)
        worker.terminate()

    assert finished
    assert blocking().exists(keys.clients(str(acme.pk)))
