"""An OAuth client: a program of a tenant that logs in with an id and a secret."""

import uuid
from datetime import UTC, datetime
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from oauth2_provider.models import AbstractApplication

from tenants.models.scopes import validate_scopes
from tenants.models.visibility import OwnedQuerySet, refuse_other_tenants

SHORTEST_TOKEN_LIFE_SECONDS = 60
LONGEST_TOKEN_LIFE_SECONDS = 2 * 86_400
LARGEST_WEIGHT = 100
EVER = datetime(2000, 1, 1, tzinfo=UTC)  # before any token of ours


class OAuthClientQuerySet(OwnedQuerySet["OAuthClient"]):
    """Questions about OAuth clients."""


class OAuthClient(AbstractApplication):
    """A program that connects on behalf of a tenant. Only the client credentials grant, only with a secret."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="clients")
    name = models.CharField(max_length=100, help_text="What people call the program, such as Web chat bridge.")
    channels = models.ManyToManyField(
        "tenants.Channel", blank=True, related_name="clients", help_text="The channels that the client may connect to."
    )
    scopes = models.TextField(
        blank=True,
        validators=[validate_scopes],
        help_text="What tokens may be asked for, separated by blanks, such as: webchat:send api:read.",
    )
    token_life_seconds = models.PositiveIntegerField(
        default=600,
        validators=[MinValueValidator(SHORTEST_TOKEN_LIFE_SECONDS), MaxValueValidator(LONGEST_TOKEN_LIFE_SECONDS)],
        help_text="600 is 10 minutes; SDKs that never renew want 86400, 24 hours. Open sockets outlive a token.",
    )
    is_active = models.BooleanField(
        default=True, help_text="A disabled client gets no tokens, and its open connections are closed with 4502."
    )
    tokens_valid_from = models.DateTimeField(
        default=EVER, editable=False, help_text="Tokens issued before are revoked, and their open connections closed."
    )
    secret_last_four = models.CharField(max_length=4, blank=True, editable=False)
    throttle_policy = models.ForeignKey(
        "tenants.ThrottlePolicy",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="limited_clients",
        help_text="Limits of this client alone. Empty: Floodgate's defaults.",
    )
    weight = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_WEIGHT)],
        help_text="Its part of a limit that several clients want more of than there is: with 2, twice that of a 1.",
    )

    objects = OAuthClientQuerySet.as_manager()

    class Meta:
        verbose_name = "OAuth client"
        ordering: ClassVar = ["tenant__name", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="client_name_once", fields=["tenant", "name"]),
            models.CheckConstraint(name="client_has_a_name", condition=~models.Q(name="")),
            models.CheckConstraint(
                name="client_token_life_is_sensible",
                condition=models.Q(token_life_seconds__range=(SHORTEST_TOKEN_LIFE_SECONDS, LONGEST_TOKEN_LIFE_SECONDS)),
                violation_error_message="The token life must lie between 60 seconds and 2 days.",
            ),
            models.CheckConstraint(
                name="client_weight_is_sensible",
                condition=models.Q(weight__range=(1, LARGEST_WEIGHT)),
                violation_error_message=f"The weight must lie between 1 and {LARGEST_WEIGHT}.",
            ),
            models.CheckConstraint(
                name="client_is_confidential_with_client_credentials",
                condition=models.Q(client_type="confidential", authorization_grant_type="client-credentials"),
            ),
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name

    def clean(self) -> None:
        """Refuse a policy of another tenant.

        Raises:
            ValidationError: with the field at fault.
        """
        super().clean()
        refuse_other_tenants(self, self.tenant_id, "throttle_policy")

    @property
    def scope_names(self) -> tuple[str, ...]:
        """What its tokens may be asked for, each once."""
        return tuple(dict.fromkeys(self.scopes.split()))

    def is_usable(self, request: object) -> bool:  # noqa: ARG002 - the library's signature
        """Answer the OAuth library: a disabled client, or one of a suspended tenant, is as good as unknown."""
        return self.is_active and self.tenant.is_active
