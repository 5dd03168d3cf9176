"""What the forms of control data share: choices of one tenant, never of another."""

from typing import TYPE_CHECKING, Any

from django import forms

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]  # generic to type checkers only
else:
    ModelForm = forms.ModelForm


class OwnedForm(ModelForm):
    """A form of a row that belongs to a tenant: offers only what belongs to the same one.

    While the tenant is not chosen yet, each choice says whose it is, and a wrong one is refused at its field.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Narrow the choices down to the tenant of the row."""
        super().__init__(*arguments, **named)
        for field in self._owned_fields().values():
            if self.instance.tenant_id:
                field.queryset = field.queryset.filter(tenant=self.instance.tenant_id)
            else:
                field.queryset = field.queryset.select_related("tenant").order_by("tenant__name", "name")
                field.label_from_instance = lambda row: f"{row.tenant}: {row}"

    def clean(self) -> dict[str, Any] | None:
        """Refuse what belongs to another tenant, at its field."""
        cleaned = super().clean() or self.cleaned_data
        tenant_id = self.instance.tenant_id or getattr(cleaned.get("tenant"), "pk", None)
        for name in self._owned_fields():
            for row in _rows(cleaned.get(name)):
                if row.tenant_id != tenant_id:
                    self.add_error(name, f"{row} belongs to {row.tenant}. Choose one of the same tenant.")
        return cleaned

    def _owned_fields(self) -> dict[str, Any]:
        return {
            name: field
            for name, field in self.fields.items()
            if isinstance(field, forms.ModelChoiceField) and hasattr(getattr(field.queryset, "model", None), "tenant")
        }


def _rows(chosen: Any) -> list[Any]:
    if chosen is None:
        return []
    return [chosen] if hasattr(chosen, "tenant_id") else list(chosen)
