"""How far the stream of records was rolled up: one row."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

BEGINNING = "0-0"  # before the first record of any stream
THE_ROW = 1


class StreamPosition(models.Model):
    """The last record that was rolled up; written in one transaction with the sums that it changed."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_ROW, editable=False)
    position = models.CharField(max_length=41, default=BEGINNING, help_text="The record's id in the stream.")
    last_ended_at = models.DateTimeField(
        "rolled up to", null=True, blank=True, help_text="When that record was made, by the clock of its relay process."
    )
    rolled_up_at = models.DateTimeField(null=True, blank=True)
    began_anew_at = models.DateTimeField(
        null=True, blank=True, help_text="When the stream was last read from its beginning: Redis had lost its place."
    )

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="position_is_one_row", condition=Q(id=THE_ROW))]

    def __str__(self) -> str:
        """The id."""
        return self.position
