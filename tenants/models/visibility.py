"""The wall between tenants: who sees which rows, and that no row leads to another tenant's."""

import uuid
from typing import Self, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
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


def refuse_other_tenants(row: models.Model, tenant_id: uuid.UUID | None, *fields: str) -> None:
    """Check that what a row refers to belongs to its own tenant; the database's triggers hold the same rule.

    Raises:
        ValidationError: at each field that leads to another tenant's row.
    """
    problems = {}
    for field in fields:
        target = getattr(row, field, None)
        if target is not None and target.tenant_id != tenant_id:
            problems[field] = f"{target} belongs to another tenant. Choose one of the same tenant."
    if problems:
        raise ValidationError(problems)
