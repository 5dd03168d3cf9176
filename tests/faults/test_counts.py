import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from django.test import override_settings

from relay.models.processes import Gap
from relay.store import keys
from relay.store.pool import blocking
from relay.store.telemetry_stream import read_records
from relay.tasks import roll_up_telemetry
from relay.telemetry.processes import SILENT_SECONDS
from tests.architecture.sources import ROOT
from tests.faults.counts.books import differences, messages_rolled_up, open_books
from tests.faults.counts.celery_processes import CeleryProcess, wait_until
from tests.faults.counts.stage import ROLL_UP_SECONDS, Stage, sent_of
from tests.relay.beats import Worker

# Fewer messages, another time or the kills of an earlier run, for whoever looks for a fault.
MESSAGES = int(os.environ.get("COUNTS_MESSAGES", "10_000_000"))
SECONDS = float(os.environ.get("COUNTS_SECONDS", "360"))
SEED = int(os.environ.get("COUNTS_SEED") or random.randrange(2**32))
KILLS, CONNECTIONS_OF_EACH = 20, 2
BROKER_DATABASE = 12
PACE = 10_000  # a second: the simulator keeps the last 100,000 messages, and is never behind
LONGEST_GAP_SECONDS = 1.5  # a second, and what a busy machine takes to wake up
FEW = 20_000

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broker_url(redis_url):
    """A database of Redis' for Celery's own keys; they are gone when the test ends."""
    address, _, database = redis_url.rpartition("/")
    url = f"{address}/{int(database) + BROKER_DATABASE}"
    yield url
    blocking.cache_clear()
    with override_settings(REDIS_URL=url):
        blocking().flushdb()
        blocking().close()
    blocking.cache_clear()


@pytest.fixture
def stores(broker_url, faults_redis_url, test_database):
    """Where other processes find this test's Redis and database."""
    return {"REDIS_URL": faults_redis_url, "CELERY_BROKER_URL": broker_url, "DATABASE_URL": test_database}


@pytest.fixture
def stage(relay_of, platform_of, stores, tmp_path):
    """All processes; worker and beat are still to be started."""
    port, _ = platform_of()
    worker, beat = (CeleryProcess(name, tmp_path, stores) for name in ("worker", "beat"))
    yield Stage(relay_of(FLOODGATE_DRAIN_SECONDS="0"), open_books(port, CONNECTIONS_OF_EACH), worker, beat)
    worker.end()
    beat.end()


@pytest.fixture
def twin_of(stores):
    """Starts workers of tests/faults/counts/twin.py; they are gone when the block ends."""

    @contextmanager
    def start(kind):
        command = (sys.executable, "-m", "tests.faults.counts.twin", kind)
        environment, pipe = {**os.environ, **stores}, subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
            try:
                yield Worker(process), process
            finally:
                process.kill()

    return start


@pytest.fixture
def few_messages_passed(stage):
    """A stage whose relay has ended: its records are in Redis, and nobody has rolled them up."""
    with stage.traffic(FEW, FEW) as sender:
        assert sent_of(sender).messages == FEW
    stage.end_relay()
    return stage


def rolled_up_by_this_process(stage):
    """Roll up as the product does, until all is."""
    wait_until(lambda: roll_up_telemetry() or stage.is_rolled_up(), ROLL_UP_SECONDS)


@pytest.mark.soak
@pytest.mark.timeout(1500)
def test_f24_f25_all_messages_are_counted_once_through_20_kills_of_worker_and_beat(stage, told):
    chance, began = random.Random(SEED), time.monotonic()
    moments = sorted(chance.randrange(MESSAGES * 9 // 10) for _ in range(KILLS))
    stage.worker.start()
    stage.beat.start()

    kills = []
    with stage.traffic(MESSAGES, MESSAGES / SECONDS) as sender:
        for number, moment in enumerate(moments):
            stage.wait_until_received(moment)
            victim = stage.beat if number % 2 else stage.worker
            kills.append(stage.kill(victim, in_a_roll_up=number % 4 == 2))
        sent = sent_of(sender)
    stage.end_relay()
    wait_until(stage.is_rolled_up, ROLL_UP_SECONDS)

    counted = stage.books.counted()
    for kill in kills:
        told(f"{kill.at - began:6.1f} s: {kill.victim} killed{' in the midst of a roll-up' * kill.in_a_roll_up}")
    told(f"seed {SEED}: sent {sent.messages} in {sent.seconds:.1f} s, simulator {stage.books.messages()}")
    told(f"database {messages_rolled_up()}, {len(differences(counted))} differences, {Gap.objects.count()} gaps")
    assert stage.books.messages() == sum(count.messages for count in counted.values()) == sent.messages == MESSAGES
    assert differences(counted) == []
    assert not Gap.objects.exists()


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_f1_a_killed_relay_leaves_at_most_a_second_that_is_marked_as_a_gap(stage, told):
    stage.worker.start()
    stage.beat.start()
    with stage.traffic(100 * PACE, PACE) as sender:
        wait_until(messages_rolled_up, ROLL_UP_SECONDS)
        stage.wait_until_received(stage.books.messages() + random.Random(SEED).randrange(10 * PACE))
        killed_at = time.time()
        stage.relay.signal(signal.SIGKILL)
        sent = sent_of(sender)
    wait_until(lambda: not stage.books.open_connections(), ROLL_UP_SECONDS)
    wait_until(Gap.objects.exists, SILENT_SECONDS + ROLL_UP_SECONDS)

    [gap] = Gap.objects.all()
    began = gap.started_at.timestamp()
    came, stored = stage.books.messages(), messages_rolled_up()
    came_in_it = sum(at >= began for at in stage.books.received_at())
    told(f"seed {SEED}: killed {killed_at - began:.3f} s after its last record, after {sent.broken} broken connections")
    told(f"simulator {came}, of which {came_in_it} in the gap; database {stored}, {came - stored} less")
    assert (gap.reason, gap.process_id.partition("-")[0]) == ("no_last_record", str(stage.relay.process.pid))
    assert 0 <= came - stored <= came_in_it
    assert killed_at - began <= LONGEST_GAP_SECONDS


@pytest.mark.conformance
@pytest.mark.parametrize(("kind", "times"), [("one_transaction", 1), ("two_transactions", 4)])
def test_f24_a_worker_that_commits_sums_before_their_position_would_be_found_out(
    kind, times, few_messages_passed, twin_of
):
    for _ in range(3):
        with twin_of(kind) as (worker, process):
            worker.beat()
            assert process.stdout.readline() == "between\n"
            worker.kill()
    rolled_up_by_this_process(few_messages_passed)

    assert messages_rolled_up() == times * FEW
    assert bool(differences(few_messages_passed.books.counted())) is (times > 1)


@pytest.mark.conformance
@pytest.mark.parametrize(("kind", "times"), [("as_it_is", 1), ("credulous", 2)])
def test_f25_a_worker_that_takes_repetitions_would_be_found_out(kind, times, few_messages_passed, twin_of):
    for _, encoded in read_records("0"):
        blocking().xadd(keys.telemetry(), {"record": encoded})

    with twin_of(kind) as (worker, _):
        worker.beat()
        worker.wait_until_done()

    assert few_messages_passed.is_rolled_up()
    assert messages_rolled_up() == times * FEW
    assert bool(differences(few_messages_passed.books.counted())) is (times > 1)
