"""Who sees which rows: the one rule behind every queryset of control data."""

from typing import Self, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

Row = TypeVar("Row", bound=models.Model)


class OwnedQuerySet(models.QuerySet[Row]):
    """Rows that belong to a tenant by their field ``tenant``."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """The rows of tenants that the person is a member of; an administrator sees all."""
        if not user.is_authenticated:
            return self.none()  # without an id, the filter would find the tenants that have no members
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(tenant__members__user_id=user.pk)
