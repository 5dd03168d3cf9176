"""Which records are new, and which are missing: what is known of each relay process, by worker and sequence."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from relay.models.processes import Gap, RelayProcess
from relay.telemetry.records import TelemetryRecord

SILENT_SECONDS = 60


class Processes:
    """The relay processes that a batch of records tells of.

    A process sends a record only when Redis has taken the one before. So a sequence that is not above the last one
    is a repetition, however late it comes, and one that is more than one above it says that records were lost.
    """

    def __init__(self, workers: Iterable[str]) -> None:
        """Read what is known of them."""
        self._known = RelayProcess.objects.in_bulk(workers)
        self._gaps: list[Gap] = []

    def take(self, record: TelemetryRecord, now: datetime) -> bool:
        """Tell whether the record is new, and remember it."""
        process = self._known.get(record.worker)
        if process is None:
            process = self._known[record.worker] = RelayProcess(worker=record.worker, last_sequence=0)
        if record.sequence <= process.last_sequence:
            return False
        ended_at = datetime.fromtimestamp(record.ended_at, UTC)
        missing = record.sequence - process.last_sequence - 1
        if missing:
            self._gaps.append(
                Gap(
                    process=process,
                    reason=Gap.Reason.RECORDS_LOST,
                    after_sequence=process.last_sequence,
                    missing=missing,
                    started_at=process.last_ended_at,
                    ended_at=ended_at,
                )
            )
        process.last_sequence, process.last_ended_at, process.heard_at = record.sequence, ended_at, now
        process.has_ended = record.is_last
        return True

    def store(self) -> None:
        """Write down what is known now. A process that was taken for killed and spoke again has no such gap."""
        spoke = [process for process in self._known.values() if process.last_sequence]
        RelayProcess.objects.bulk_create(
            spoke,
            update_conflicts=True,
            unique_fields=["worker"],
            update_fields=["last_sequence", "last_ended_at", "heard_at", "has_ended"],
        )
        Gap.objects.filter(process__in=spoke, reason=Gap.Reason.NO_LAST_RECORD).delete()
        Gap.objects.bulk_create(self._gaps)


def mark_killed(now: datetime) -> None:
    """Mark a gap for each process that is silent without having said that it ends.

    It may also be cut off from Redis: then the gap goes when it speaks again.
    """
    silent = RelayProcess.objects.filter(has_ended=False, heard_at__lt=now - timedelta(seconds=SILENT_SECONDS))
    unmarked = silent.exclude(gaps__reason=Gap.Reason.NO_LAST_RECORD)
    Gap.objects.bulk_create(
        Gap(
            process=process,
            reason=Gap.Reason.NO_LAST_RECORD,
            after_sequence=process.last_sequence,
            started_at=process.last_ended_at,
        )
        for process in unmarked
    )
