"""What was counted, added up by minute, hour and day. Rows have ids of tenants, clients and channels, never names."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

LONGEST_NAME = 100  # characters of a zone, direction or result
LONGEST_CLIENT_ID = 255  # characters, as in tenants_oauthclient
NOBODY = UUID(int=0)  # the tenant of what was counted before a token was read; NULL would not be unique
HAS_CLIENT_OR_NOBODY = Q(tenant_id=NOBODY, client_id="") | (~Q(tenant_id=NOBODY) & ~Q(client_id=""))
MINUTES_KEPT_HOURS = 48
HOURS_KEPT_DAYS = 90
DAYS_KEPT_DAYS = 730


class Granularity(models.TextChoices):
    """How long a period is. All begin and end in UTC."""

    MINUTE = "minute", "Minute"
    HOUR = "hour", "Hour"
    DAY = "day", "Day"

    @property
    def kept(self) -> timedelta:
        """How long sums of such periods are kept after the period's beginning."""
        return {
            Granularity.MINUTE: timedelta(hours=MINUTES_KEPT_HOURS),
            Granularity.HOUR: timedelta(days=HOURS_KEPT_DAYS),
            Granularity.DAY: timedelta(days=DAYS_KEPT_DAYS),
        }[self]


class Rollup(models.Model):
    """A sum over one period. ``KEY`` names the fields that tell one row from another, ``SUMS`` those that grow.

    Ids are plain columns, not foreign keys: a roll-up looks no owner up, and sums outlive what they were counted of.
    """

    KEY: ClassVar[tuple[str, ...]] = ()
    SUMS: ClassVar[tuple[str, ...]] = ()

    granularity = models.CharField(max_length=8, choices=Granularity)
    started_at = models.DateTimeField("period's start")
    tenant_id = models.UUIDField(default=NOBODY)
    client_id = models.CharField(max_length=LONGEST_CLIENT_ID, blank=True, help_text="OAuth's, never given twice.")

    class Meta:
        abstract = True
        ordering: ClassVar = ["granularity", "-started_at", "tenant_id", "client_id"]
        indexes: ClassVar = [models.Index(name="%(class)s_by_period", fields=["granularity", "-started_at"])]

    def __str__(self) -> str:
        """Of which period."""
        return f"{self.granularity} of {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def key(self) -> tuple[object, ...]:
        """What tells the row from all others."""
        return tuple(getattr(self, name) for name in self.KEY)


class TrafficRollup(Rollup):
    """What one client sent on one channel in one direction; as relays count it."""

    KEY = ("granularity", "started_at", "tenant_id", "client_id", "channel_id", "direction")
    SUMS = ("messages", "bytes", "control_frames", "waited", "held")

    channel_id = models.UUIDField()
    direction = models.CharField(max_length=LONGEST_NAME)
    messages = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0, help_text="With frame headers.")
    control_frames = models.BigIntegerField(default=0)
    waited = models.BigIntegerField(default=0, help_text="Messages that were held back first.")
    held = models.JSONField(default=list, help_text="Messages by how long they were held, as counters.py has buckets.")

    class Meta(Rollup.Meta):
        verbose_name = verbose_name_plural = "traffic"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="traffic_once",
                fields=["tenant_id", "granularity", "started_at", "client_id", "channel_id", "direction"],
            ),
            models.CheckConstraint(name="traffic_is_of_a_client_or_nobody", condition=HAS_CLIENT_OR_NOBODY),
            models.CheckConstraint(
                name="traffic_granularity_is_known", condition=Q(granularity__in=Granularity.values)
            ),
            models.CheckConstraint(
                name="traffic_is_not_negative",
                condition=Q(messages__gte=0, bytes__gte=0, control_frames__gte=0, waited__gte=0),
            ),
        ]


class HandshakeRollup(Rollup):
    """How many handshakes of one client ended in one result. Before a token is known, they are nobody's."""

    KEY = ("granularity", "started_at", "tenant_id", "client_id", "result")
    SUMS = ("count",)

    result = models.CharField(max_length=LONGEST_NAME, help_text="accepted, or the code of the refusal.")
    count = models.BigIntegerField(default=0)

    class Meta(Rollup.Meta):
        verbose_name = verbose_name_plural = "handshakes"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="handshakes_once", fields=["tenant_id", "granularity", "started_at", "client_id", "result"]
            ),
            models.CheckConstraint(name="handshakes_are_of_a_client_or_nobody", condition=HAS_CLIENT_OR_NOBODY),
            models.CheckConstraint(
                name="handshakes_granularity_is_known", condition=Q(granularity__in=Granularity.values)
            ),
            models.CheckConstraint(name="handshakes_are_not_negative", condition=Q(count__gte=0)),
        ]
