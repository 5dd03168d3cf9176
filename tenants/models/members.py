"""People, and what each of them may do in which tenant."""

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models

from tenants.models.visibility import OwnedQuerySet


class User(AbstractUser):
    """A person who logs in. What they may do stands in their memberships."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta(AbstractUser.Meta):
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering: ClassVar = ["username"]


class MemberQuerySet(OwnedQuerySet["Member"]):
    """Questions about members."""


class Member(models.Model):
    """A person in a tenant, in one role."""

    class Role(models.TextChoices):
        """What a member may do: owners say who belongs to it, operators change things, viewers look."""

        OWNER = "owner"
        OPERATOR = "operator"
        VIEWER = "viewer"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="members")
    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["tenant__name", "user__username"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="member_once_in_a_tenant", fields=["user", "tenant"]),
            models.CheckConstraint(
                name="member_role_is_known", condition=models.Q(role__in=["owner", "operator", "viewer"])
            ),
        ]

    def __str__(self) -> str:
        """Person, role and tenant."""
        return f"{self.user}, {self.role} of {self.tenant}"
