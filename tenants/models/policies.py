"""Throttle policies, their versions and zones. What makes a zone sensible is said once, in relay/throttle/policy.py."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from relay.throttle.policy import PolicySnapshot, StoreAway, ZonePolicy, refuse_repeated_names
from tenants.models.visibility import OwnedQuerySet
from tenants.models.zones import choices, is_one_of

LONGEST_NOTE = 240  # characters: a reason, and of which version a copy is


class ThrottlePolicyQuerySet(OwnedQuerySet["ThrottlePolicy"]):
    """Questions about policies."""


class ThrottlePolicy(models.Model):
    """A named set of limits of a tenant. Its versions say what they are; at most one is in force."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="policies")
    name = models.CharField(max_length=100, help_text="What people call it, such as Web chat.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ThrottlePolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "throttle policies"
        ordering: ClassVar = ["tenant__name", "name"]
        constraints: ClassVar = [models.UniqueConstraint(name="policy_name_once", fields=["tenant", "name"])]

    def __str__(self) -> str:
        """The name."""
        return self.name


class PolicyVersionQuerySet(models.QuerySet["PolicyVersion"]):
    """Questions about versions."""

    def published(self) -> "PolicyVersionQuerySet":
        """Those that relays enforce."""
        return self.filter(state=PolicyVersion.State.PUBLISHED)

    def before(self, version: "PolicyVersion") -> "PolicyVersion | None":
        """What is in force, for a draft; what was in force before, for a version that was published."""
        versions = self.filter(policy=version.policy_id, published_at__isnull=False).exclude(pk=version.pk)
        if version.published_at is not None:
            versions = versions.filter(published_at__lt=version.published_at)
        return versions.order_by("-published_at").first()


class PolicyVersion(models.Model):
    """One state of a policy: a draft can be changed; once published, neither it nor its zones ever change.

    Triggers of the database hold that (migration 0002), so no code can go round it.
    """

    class State(models.TextChoices):
        """Where a version stands on its way."""

        DRAFT = "draft"
        PUBLISHED = "published"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    policy = models.ForeignKey(ThrottlePolicy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(editable=False)
    state = models.CharField(max_length=16, choices=State, default=State.DRAFT, editable=False)
    store_away = models.CharField(
        max_length=16,
        choices=choices(StoreAway),
        default=StoreAway.SHARE.value,
        help_text=(
            "What becomes of shared limits while Redis does not answer: each relay process goes on with its last known"
            " share, or refuses all, or lets all pass."
        ),
    )
    note = models.CharField(
        max_length=LONGEST_NOTE, blank=True, help_text="Why this version: people read it in the history."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    published_at = models.DateTimeField(null=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    objects = PolicyVersionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["policy", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="version_number_once", fields=["policy", "number"]),
            models.UniqueConstraint(
                name="one_published_version", fields=["policy"], condition=models.Q(state="published")
            ),
            models.CheckConstraint(
                name="version_state_is_known", condition=models.Q(state__in=["draft", "published", "retired"])
            ),
            models.CheckConstraint(name="version_store_away_is_known", condition=is_one_of("store_away", StoreAway)),
            models.CheckConstraint(
                name="published_version_has_a_time",
                condition=models.Q(state="draft") | models.Q(published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        """Policy, number and state."""
        return f"{self.policy.name} version {self.number} ({self.state})"

    @property
    def is_draft(self) -> bool:
        """Tell whether it can still be changed."""
        return self.state == self.State.DRAFT

    def zone_policies(self) -> tuple[ZonePolicy, ...]:
        """Its limits as the relay enforces them.

        Raises:
            PolicyRefused: a zone makes no sense, or two share a name.
        """
        zones = tuple(zone.as_policy() for zone in self.zones.all())
        refuse_repeated_names(zones)
        return zones

    def snapshot(self) -> PolicySnapshot:
        """The version as the relay holds it.

        Raises:
            PolicyRefused: as for ``zone_policies``.
        """
        return PolicySnapshot(str(self.policy_id), self.number, self.zone_policies(), StoreAway(self.store_away))
