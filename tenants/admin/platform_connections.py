"""The pages of platform connections. A credential goes in and is never shown again."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from tenants.actions.platform_connections import (
    change_platform_connection,
    create_platform_connection,
    delete_platform_connection,
    set_credential,
)
from tenants.admin.forms import OwnedForm
from tenants.admin.pages import ActionPages, acting_user
from tenants.encryption import PlatformCredential
from tenants.models.members import User
from tenants.models.platform_connections import PlatformConnection

CREDENTIAL_FIELDS = ("client_id", "client_secret", "access_key_id", "access_key_secret")
HIDDEN = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False)
CREDENTIAL_RULE = (
    "Enter what the platform gave you, all of it: it replaces what is stored. Leave all empty to keep what is stored."
)


class PlatformConnectionForm(OwnedForm):
    """Takes a credential besides; fills nothing in that was stored."""

    client_id = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        label="Client ID",
        help_text="Of the OAuth client that the platform's administrator made for Floodgate.",
    )
    client_secret = forms.CharField(required=False, strip=False, widget=HIDDEN, help_text="Shown by the platform once.")
    access_key_id = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        label="Access key ID",
        help_text="CXone only: back ends log in with an access key.",
    )
    access_key_secret = forms.CharField(required=False, strip=False, widget=HIDDEN, help_text="CXone only.")

    def clean(self) -> dict[str, Any] | None:
        """Take a credential whole or not at all."""
        cleaned = super().clean() or self.cleaned_data
        given = {name for name in CREDENTIAL_FIELDS if cleaned.get(name)}
        for name in ("client_id", "client_secret"):
            if given and name not in given:
                self.add_error(name, "A credential needs both client ID and client secret.")
        if bool(cleaned.get("access_key_id")) != bool(cleaned.get("access_key_secret")):
            self.add_error("access_key_id", "An access key needs both ID and secret.")
        return cleaned

    def credential(self) -> PlatformCredential | None:
        """What was entered, or nothing."""
        if not self.cleaned_data.get("client_secret"):
            return None
        return PlatformCredential(**{name: self.cleaned_data.get(name, "") for name in CREDENTIAL_FIELDS})


@admin.register(PlatformConnection)
class PlatformConnectionPages(ActionPages):
    """List and page of platform connections."""

    form = PlatformConnectionForm
    may_add = may_change = may_delete = True
    list_display = ("name", "tenant", "platform", "region", "state", "credential_state")
    list_select_related = ("tenant",)
    list_filter = ("platform", "is_active", "tenant")
    search_fields = ("name", "tenant__name", "platform_tenant")
    empty_hint = (
        "A platform connection is a tenant's account on Genesys Cloud CX or NICE CXone. Channels lead through it."
    )
    fieldsets = (
        (None, {"fields": (("tenant", "name"), ("platform", "region"), "is_active")}),
        (
            "Credential",
            {
                "fields": ("credential_state", CREDENTIAL_FIELDS[:2], CREDENTIAL_FIELDS[2:]),
                "description": CREDENTIAL_RULE,
            },
        ),
        ("Addresses", {"fields": ("token_url", "socket_url", "platform_tenant", "ca_certificate")}),
        ("Limits", {"fields": ("throttle_policy",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: PlatformConnection | None = None) -> tuple[str, ...]:
        """A platform connection never changes its tenant."""
        return ("tenant", "credential_state") if obj else ("credential_state",)

    @display(description="State", label={"Active": "success", "Off": "danger"}, ordering="is_active")
    def state(self, connection: PlatformConnection) -> str:
        """Active or off."""
        return "Active" if connection.is_active else "Off"

    @display(description="Credential", label={"Stored, encrypted": "success", "Missing": "warning"})
    def credential_state(self, connection: PlatformConnection) -> str:
        """Whether there is one; never what it is."""
        return "Stored, encrypted" if connection.has_credential else "Missing"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Store the row, then the credential, if one was entered."""
        super().save_model(request, obj, form, change)
        credential = form.credential()
        if credential:
            set_credential(obj, credential, acting_user=acting_user(request))

    def create_by_action(self, user: User, values: dict[str, Any]) -> PlatformConnection:
        """Make the platform connection."""
        return create_platform_connection(values.pop("tenant"), acting_user=user, **_without_credential(values))

    def change_by_action(self, user: User, row: PlatformConnection, values: Mapping[str, Any]) -> None:
        """Change where it leads, whether it is used, and its limits."""
        change_platform_connection(row, _without_credential(values), acting_user=user)

    def delete_by_action(self, user: User, row: PlatformConnection) -> None:
        """Delete it, if no channel uses it."""
        delete_platform_connection(row, acting_user=user)


def _without_credential(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in CREDENTIAL_FIELDS}
