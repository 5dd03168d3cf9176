"""A new row that belongs to whom its platform connection belongs to: nobody can choose two tenants."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class OfItsPlatformConnection(forms.Form):
    """Mixed into the form of a new row, which has no field for the tenant."""

    instance: Any  # the row, as any model's form has it

    def clean(self) -> dict[str, Any]:
        """Take the tenant from the platform connection that was chosen."""
        values = super().clean() or self.cleaned_data
        connection = values.get("platform_connection")
        if connection is not None:
            self.instance.tenant_id = connection.tenant_id
        return values

    def full_clean(self) -> None:
        """Say in the form that a name is taken: Django leaves it to the database where a form has no tenant."""
        super().full_clean()
        if not self.is_bound or self.errors:
            return
        fields = {field.name for field in self.instance._meta.fields}  # noqa: SLF001 - Django documents it
        try:
            self.instance.validate_constraints(exclude=fields - {*self.fields, "tenant"})
        except ValidationError as error:
            self.add_error(None, error.messages)
