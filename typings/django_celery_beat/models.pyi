from typing import ClassVar

from django.db import models

class PeriodicTask(models.Model):
    name = models.CharField(max_length=200)
    task = models.CharField(max_length=200)
    enabled = models.BooleanField()
    last_run_at = models.DateTimeField(null=True)
    total_run_count = models.PositiveIntegerField()
    objects: ClassVar[models.Manager[PeriodicTask]]

    @property
    def scheduler(self) -> object: ...
