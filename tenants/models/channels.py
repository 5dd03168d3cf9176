"""A channel: the name that clients connect to, and where it leads."""

import uuid
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models

from relay.throttle.fairness import Priority
from tenants.models.scopes import SCOPE_PATTERN, SCOPE_RULE
from tenants.models.visibility import OwnedQuerySet, refuse_other_tenants

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}\Z"
NAME_RULE = "Use up to 64 small letters, digits, _ and -, beginning with a letter or digit."


class ChannelQuerySet(OwnedQuerySet["Channel"]):
    """Questions about channels."""


class Channel(models.Model):
    """What a client connects to by name."""

    class MapsTo(models.TextChoices):
        """What the channel is on the platform."""

        GUIDE_SOCKET = "guide_socket", "WebSocket by address template"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="channels")
    name = models.CharField(
        max_length=64,
        validators=[RegexValidator(NAME_PATTERN, NAME_RULE)],
        help_text=f"The end of the address that clients connect to: /v2/websocket/web-chat. {NAME_RULE}",
    )
    platform_connection = models.ForeignKey(
        "tenants.PlatformConnection", on_delete=models.PROTECT, related_name="channels"
    )
    maps_to = models.CharField(max_length=32, choices=MapsTo, default=MapsTo.GUIDE_SOCKET)
    platform_channel = models.CharField(
        max_length=200, blank=True, help_text="What the platform calls it. Empty: the same name."
    )
    scope = models.CharField(
        max_length=100,
        blank=True,
        validators=[RegexValidator(SCOPE_PATTERN, SCOPE_RULE)],
        help_text="The scope that a client's token must have, such as webchat:send. Empty: none.",
    )
    throttle_policy = models.ForeignKey(
        "tenants.ThrottlePolicy",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="limited_channels",
        help_text="Limits that all clients of this channel share.",
    )
    priority = models.PositiveSmallIntegerField(
        choices=[(priority.value, priority.name.lower()) for priority in Priority],
        default=Priority.NORMAL.value,
        help_text="Which traffic comes first where a limit is contended, such as call control before analytics.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["tenant__name", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="channel_name_once", fields=["tenant", "name"]),
            models.CheckConstraint(
                name="channel_name_fits_an_address",
                condition=models.Q(name__regex=NAME_PATTERN),
                violation_error_message=NAME_RULE,
            ),
            models.CheckConstraint(
                name="channel_scope_is_one_scope",
                condition=models.Q(scope="") | models.Q(scope__regex=SCOPE_PATTERN),
                violation_error_message=SCOPE_RULE,
            ),
            models.CheckConstraint(
                name="channel_maps_to_a_known_kind", condition=models.Q(maps_to__in=["guide_socket"])
            ),
            models.CheckConstraint(
                name="channel_priority_is_known", condition=models.Q(priority__in=[*map(int, Priority)])
            ),
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name

    @property
    def effective_platform_channel(self) -> str:
        """What the platform calls it."""
        return self.platform_channel or self.name

    def clean(self) -> None:
        """Refuse a platform connection or a policy of another tenant.

        Raises:
            ValidationError: with the field at fault.
        """
        refuse_other_tenants(self, self.tenant_id, "platform_connection", "throttle_policy")
