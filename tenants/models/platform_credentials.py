"""A credential of a platform connection: relays log in with it, and it is never shown again."""

import uuid
from enum import StrEnum
from typing import ClassVar

from django.db import models

from tenants.encryption import CredentialUnreadable, CredentialUnusable, decrypt_credential
from tenants.models.visibility import OwnedQuerySet, refuse_other_tenants


class CredentialState(StrEnum):
    """What can be told of a credential without showing it."""

    STORED = "Stored, encrypted"
    MISSING = "Missing"
    BOUND_ELSEWHERE = "Enter anew: the address changed"
    UNREADABLE = "Enter anew: no key opens it"


class PlatformCredentialQuerySet(OwnedQuerySet["PlatformCredential"]):
    """Questions about credentials."""


class PlatformCredential(models.Model):
    """An id and a secret for a platform. Several of one platform connection share its traffic."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="platform_credentials")
    platform_connection = models.ForeignKey(
        "tenants.PlatformConnection", on_delete=models.CASCADE, related_name="credentials"
    )
    name = models.CharField(max_length=100, help_text="What people call it, such as Floodgate 1.")
    encrypted_secret = models.TextField(editable=False)
    is_active = models.BooleanField(default=True, help_text="Without it, no connection logs in with this credential.")
    throttle_policy = models.ForeignKey(
        "tenants.ThrottlePolicy",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="limited_credentials",
        help_text="Limits that all traffic with this credential shares.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PlatformCredentialQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["platform_connection__name", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="credential_name_once", fields=["platform_connection", "name"]),
            models.CheckConstraint(name="credential_has_a_secret", condition=~models.Q(encrypted_secret="")),
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name

    def clean(self) -> None:
        """Refuse a platform connection or a policy of another tenant.

        Raises:
            ValidationError: with the field at fault.
        """
        refuse_other_tenants(self, self.tenant_id, "platform_connection", "throttle_policy")

    @property
    def full_name(self) -> str:
        """The name with that of its platform connection: many are called Main."""
        return f"{self.platform_connection}, {self}"

    @property
    def state(self) -> CredentialState:
        """Whether it can be sent, as a relay would decide."""
        try:
            decrypt_credential(self.encrypted_secret, self.platform_connection.leads_to)
        except CredentialUnreadable:
            return CredentialState.UNREADABLE
        except CredentialUnusable:
            return CredentialState.BOUND_ELSEWHERE
        return CredentialState.STORED
