"""Access tokens that were revoked one by one. Those of a whole client are told by its ``tokens_valid_from``."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from relay.store.revocations import KEPT_BEYOND_END_SECONDS


class RevokedTokenQuerySet(models.QuerySet["RevokedToken"]):
    """Questions about revoked tokens."""

    def in_force(self) -> Self:
        """Those that some relay would still accept, by its own clock."""
        return self.filter(ends_at__gt=_latest_that_ended())

    def ended(self) -> Self:
        """Those that no relay would accept any more."""
        return self.filter(ends_at__lte=_latest_that_ended())


class RevokedToken(models.Model):
    """A token that its client ended. Kept until it would have ended anyway."""

    token_id = models.CharField(max_length=64, primary_key=True, help_text="The token's own id, its claim jti.")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="revoked_tokens")
    ends_at = models.DateTimeField(db_index=True)

    objects = RevokedTokenQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["ends_at"]

    def __str__(self) -> str:
        """The id."""
        return self.token_id


def _latest_that_ended() -> datetime:
    return timezone.now() - timedelta(seconds=KEPT_BEYOND_END_SECONDS)
