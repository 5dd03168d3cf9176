"""Rolls the stream of records up into the database, exactly once: sums and position change in one transaction."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import structlog
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from relay.models.position import BEGINNING, THE_ROW, StreamPosition
from relay.store.telemetry_stream import Reading, forget_records, read_on
from relay.telemetry.episodes import Episodes
from relay.telemetry.processes import Processes, mark_killed
from relay.telemetry.records import RecordUnreadable, TelemetryRecord, decode_record
from relay.telemetry.sums import Sums

log = structlog.get_logger(__name__)
RECORDS_A_BATCH = 200
MOST_BATCHES = 100  # in a run; more than the stream holds
STANDSTILL_SECONDS = 30
REFUSALS = (DataError, IntegrityError, OverflowError)  # the last one is SQLite's


def roll_up() -> None:
    """Add up what came since the last time, batch by batch, and forget it in Redis.

    May run any number of times at once, and be ended at any moment: what is not committed is read again. If the
    database refuses a batch, its records are tried one by one, and only the one at fault is left out.

    Raises:
        StoreUnavailable: Redis did not answer. What was committed stays.
        OperationalError: the database did not. The same holds.
    """
    for _ in range(MOST_BATCHES):
        before, _ = StreamPosition.objects.get_or_create(pk=THE_ROW)
        reading = read_on(before.position, RECORDS_A_BATCH)
        is_all = len(reading.records) < RECORDS_A_BATCH
        try:
            if not _commit(reading, before, is_all=is_all):
                return
        except REFUSALS:
            is_all = False
            reading = Reading(reading.records[:1], reading.is_continued)
            if not _commit_or_pass_over(reading, before):
                return
        if reading.records:
            forget_records(reading.records[-1][0])
        if is_all:
            return


def _commit_or_pass_over(reading: Reading, before: StreamPosition) -> bool:
    """Add one record to the database, or leave it out: whatever it counted too much, others do not suffer for it."""
    try:
        return _commit(reading, before, is_all=False)
    except REFUSALS as error:
        [(position, _)] = reading.records
        log.warning("telemetry_record_refused", position=position, error=str(error).partition("\n")[0])
    return _commit(Reading([(position, "")], reading.is_continued), before, is_all=False)


def _commit(reading: Reading, before: StreamPosition, *, is_all: bool) -> bool:
    """Add one batch to the database; false where somebody else is at it, or was since ``before``."""
    with transaction.atomic():
        give_up_when_idle()
        unchanged = StreamPosition.objects.filter(pk=before.pk, position=before.position)
        row = unchanged.select_for_update(skip_locked=True).first()
        if row is None:
            return False
        if reading.records:
            _count(reading, row)
        if is_all:
            mark_killed(timezone.now())
    return True


def give_up_when_idle() -> None:
    """Let PostgreSQL end this transaction if its worker freezes, or vanishes with its host: others wait for the row."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{STANDSTILL_SECONDS}s'")


def _count(reading: Reading, row: StreamPosition) -> None:
    now, records = timezone.now(), list(_decoded(reading.records))
    processes, sums, episodes = Processes({record.worker for record in records}), Sums(), Episodes()
    for record in records:
        if processes.take(record, now):
            sums.add(record)
            episodes.add(record)
    sums.store()
    episodes.store()
    processes.store()
    if not reading.is_continued and row.position != BEGINNING:
        row.began_anew_at = now
        log.warning("telemetry_stream_began_anew", position=row.position)
    row.position, row.rolled_up_at = reading.records[-1][0], now
    if records:
        row.last_ended_at = datetime.fromtimestamp(records[-1].ended_at, UTC)
    row.save()


def _decoded(entries: Iterable[tuple[str, str]]) -> Iterator[TelemetryRecord]:
    """The records that can be read. One that cannot is missing in the sequence of its process, so it leaves a gap."""
    for position, encoded in entries:
        try:
            yield decode_record(encoded)
        except RecordUnreadable as error:
            log.warning("telemetry_record_unreadable", position=position, error=str(error))
