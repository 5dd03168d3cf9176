"""Relay processes as their records tell of them, and the gaps where records are missing."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

LONGEST_WORKER = 64  # characters
PROCESSES_KEPT_DAYS = 730


class RelayProcess(models.Model):
    """One life of a relay process. Kept as long as the sums: its row tells records that were counted from new ones."""

    KEPT = timedelta(days=PROCESSES_KEPT_DAYS)

    worker = models.CharField(max_length=LONGEST_WORKER, primary_key=True)
    last_sequence = models.BigIntegerField(help_text="Of the last record that was rolled up.")
    last_ended_at = models.DateTimeField(help_text="When that record was made, by the clock of the relay process.")
    heard_at = models.DateTimeField(help_text="When that record was rolled up.")
    has_ended = models.BooleanField(default=False, help_text="It said that this record is its last.")

    class Meta:
        verbose_name = "relay process"
        verbose_name_plural = "relay processes"
        ordering: ClassVar = ["-heard_at", "worker"]
        constraints: ClassVar = [
            models.CheckConstraint(name="process_has_a_name", condition=~Q(worker="")),
            models.CheckConstraint(name="process_counts_from_one", condition=Q(last_sequence__gte=1)),
        ]

    def __str__(self) -> str:
        """The name that the process gave itself."""
        return self.worker


class Gap(models.Model):
    """A time of which a process's counts are missing, in part or whole."""

    class Reason(models.TextChoices):
        """Why they are missing."""

        NO_LAST_RECORD = "no_last_record", "Ended without its last record"
        RECORDS_LOST = "records_lost", "Records were lost"

    process = models.ForeignKey(RelayProcess, on_delete=models.CASCADE, related_name="gaps")
    reason = models.CharField(max_length=16, choices=Reason)
    after_sequence = models.BigIntegerField(help_text="The last record before the gap; 0: there is none.")
    missing = models.BigIntegerField(null=True, blank=True, help_text="How many records; empty: nobody knows.")
    started_at = models.DateTimeField(null=True, blank=True, help_text="When the record before the gap was made.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When the record after the gap was made.")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="gap_once", fields=["process", "after_sequence"]),
            models.CheckConstraint(
                name="gap_is_what_its_reason_says",
                condition=Q(reason="no_last_record", missing=None, ended_at=None, started_at__isnull=False)
                | Q(reason="records_lost", missing__isnull=False, missing__gte=1, ended_at__isnull=False),
            ),
            models.CheckConstraint(name="gap_after_a_sequence", condition=Q(after_sequence__gte=0)),
        ]

    def __str__(self) -> str:
        """Whose, and where."""
        return f"{self.process_id} after {self.after_sequence}"
