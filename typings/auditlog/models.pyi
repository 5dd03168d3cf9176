from typing import ClassVar

from django.conf import settings
from django.db import models

class LogEntryManager(models.Manager["LogEntry"]):
    def log_create(self, instance: models.Model, force_log: bool = False, **kwargs: object) -> LogEntry | None: ...
    def get_for_object(self, instance: models.Model) -> models.QuerySet[LogEntry]: ...

class LogEntry(models.Model):
    content_type = models.ForeignKey("contenttypes.ContentType", on_delete=models.CASCADE)
    class Action:
        CREATE: ClassVar[int]
        UPDATE: ClassVar[int]
        DELETE: ClassVar[int]
        ACCESS: ClassVar[int]

    object_pk = models.CharField(max_length=255)
    object_repr = models.TextField()
    action = models.PositiveSmallIntegerField()
    changes = models.JSONField(null=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    actor_email = models.CharField(max_length=254, null=True)
    remote_addr = models.GenericIPAddressField(null=True)
    timestamp = models.DateTimeField()
    additional_data = models.JSONField(null=True)
    objects: ClassVar[LogEntryManager]
