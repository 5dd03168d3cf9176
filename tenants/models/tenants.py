"""A tenant: a customer, and the wall between one customer's rows and another's."""

import uuid
from typing import ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.validators import RegexValidator
from django.db import models

from tenants.models.visibility import refuse_other_tenants

SLUG_PATTERN = r"^[a-z0-9-]{1,64}\Z"
SLUG_RULE = "Use up to 64 small letters, digits and hyphens."
CHANGING_ROLES = ("owner", "operator")  # Member.Role without viewer
GOVERNING_ROLES = ("owner",)


class TenantQuerySet(models.QuerySet["Tenant"]):
    """Questions about tenants."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """The tenants that the person is a member of; an administrator sees all."""
        if not user.is_authenticated:
            return self.none()
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(members__user_id=user.pk)


class Tenant(models.Model):
    """A customer with members, clients, channels and limits of its own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True, help_text="What people call the customer, such as Acme.")
    slug = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(SLUG_PATTERN, SLUG_RULE)],
        help_text=f"Stands in metrics and addresses, such as acme. {SLUG_RULE}",
    )
    is_active = models.BooleanField(
        default=True, help_text="A suspended tenant gets no tokens, and its open connections are closed with 4503."
    )
    throttle_policy = models.ForeignKey(
        "tenants.ThrottlePolicy",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="limited_tenants",
        help_text="Limits that all clients of the tenant share.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="tenant_slug_is_small",
                condition=models.Q(slug__regex=SLUG_PATTERN),
                violation_error_message=SLUG_RULE,
            ),
            models.CheckConstraint(name="tenant_has_a_name", condition=~models.Q(name="")),
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name

    def clean(self) -> None:
        """Refuse a policy of another tenant.

        Raises:
            ValidationError: with the field at fault.
        """
        refuse_other_tenants(self, self.pk, "throttle_policy")

    def may_be_changed_by(self, user: AbstractBaseUser | AnonymousUser) -> bool:
        """Tell whether the person may change what belongs to the tenant: owners, operators and administrators may."""
        return self._has_member(user, CHANGING_ROLES)

    def may_be_governed_by(self, user: AbstractBaseUser | AnonymousUser) -> bool:
        """Tell whether the person may say who belongs to the tenant: owners and administrators may."""
        return self._has_member(user, GOVERNING_ROLES)

    def _has_member(self, user: AbstractBaseUser | AnonymousUser, roles: tuple[str, ...]) -> bool:
        if getattr(user, "is_superuser", False):
            return True
        return self.members.filter(user=user.pk, role__in=roles).exists()
