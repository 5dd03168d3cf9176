"""Episodes of throttling: from when to when limits held a client back, which did, and how much of its traffic."""

from datetime import timedelta
from typing import ClassVar, TypedDict

from django.db import models
from django.db.models import F, Q

from relay.models.rollups import HAS_CLIENT_OR_NOBODY, LONGEST_CLIENT_ID, LONGEST_NAME, NOBODY

EPISODES_KEPT_DAYS = 90
EPISODE_QUIET_SECONDS = 300  # without a wait, a refusal or somebody who waits: then the episode is over


class ZoneCounts(TypedDict):
    """What one zone of one version of a policy did in an episode; version 0: a setting of the relay."""

    policy_id: str
    version: int
    zone: str
    waited: int
    held_ms: int
    refused: int
    closed: int
    longest_ms: int


class ThrottleEpisode(models.Model):
    """What all zones did to one client's traffic on one channel, without a pause of ``EPISODE_QUIET_SECONDS``.

    Before a token was read, tenant and channel are ``NOBODY``, and the client's id is empty. Policy, version and zone
    are those that held the client back most.
    """

    KEPT = timedelta(days=EPISODES_KEPT_DAYS)
    KEY: ClassVar[tuple[str, ...]] = ("tenant_id", "client_id", "channel_id")

    tenant_id = models.UUIDField(default=NOBODY)
    client_id = models.CharField(max_length=LONGEST_CLIENT_ID, blank=True, help_text="OAuth's, never given twice.")
    channel_id = models.UUIDField(default=NOBODY)
    policy_id = models.CharField(max_length=LONGEST_NAME)
    version = models.BigIntegerField(help_text="Of the policy; 0: the limit is a setting of the relay.")
    zone = models.CharField(max_length=LONGEST_NAME)
    zones = models.JSONField(
        default=list, help_text="Each with its counts; the one that held the client back most first."
    )
    began_at = models.DateTimeField(help_text="When a zone first had something wait, or refused it.")
    last_at = models.DateTimeField(help_text="When one last did, or somebody waited.")
    waited = models.BigIntegerField(default=0, help_text="Messages and handshakes that had to wait.")
    held_ms = models.BigIntegerField(default=0, help_text="For how long they waited, added up, in milliseconds.")
    longest_ms = models.BigIntegerField(default=0, help_text="The longest of the waits that ended, in milliseconds.")
    refused = models.BigIntegerField(default=0, help_text="Handshakes that were refused with 429.")
    closed = models.BigIntegerField(default=0, help_text="Connections that were closed because they waited too long.")

    class Meta:
        ordering: ClassVar = ["-began_at", "-id"]
        indexes: ClassVar = [
            models.Index(name="episodes_by_end", fields=["-last_at"]),
            models.Index(name="episodes_of_tenant", fields=["tenant_id", "-began_at"]),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="episode_ends_after_it_began", condition=Q(last_at__gte=F("began_at"))),
            models.CheckConstraint(name="episode_is_of_a_client_or_nobody", condition=HAS_CLIENT_OR_NOBODY),
            models.CheckConstraint(
                name="episode_is_not_negative",
                condition=Q(version__gte=0, waited__gte=0, held_ms__gte=0, refused__gte=0, closed__gte=0),
            ),
        ]

    def __str__(self) -> str:
        """Which zone held most, and when it began."""
        return f"{self.zone}, {self.began_at:%Y-%m-%d %H:%M:%S}"

    @property
    def key(self) -> tuple[object, ...]:
        """What tells its kind from others: at any time, one episode of a kind goes on."""
        return tuple(getattr(self, name) for name in self.KEY)
