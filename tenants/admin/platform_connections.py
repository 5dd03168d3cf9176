"""The pages of platform connections. A credential has a page of its own, goes in, and is never shown again."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from tenants.actions import platform_connections as actions
from tenants.admin.asking import Question, acting_user
from tenants.admin.pages import ActionPages
from tenants.encryption import PlatformCredential
from tenants.models.members import User
from tenants.models.platform_connections import PlatformConnection


class CredentialForm(forms.Form):
    """Takes a credential whole; fills in nothing that was stored."""

    client_id = forms.CharField(
        label="Client ID",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Of the OAuth client that the platform's administrator made for Floodgate.",
    )
    client_secret = forms.CharField(
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="The platform shows it once.",
    )
    access_key_id = forms.CharField(
        required=False,
        label="Access key ID",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="CXone only: back ends log in with an access key besides. Genesys: leave both empty.",
    )
    access_key_secret = forms.CharField(
        required=False, strip=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        """Refuse half an access key."""
        if bool(self.cleaned_data.get("access_key_id")) != bool(self.cleaned_data.get("access_key_secret")):
            self.add_error("access_key_id", "An access key needs both ID and secret.")
        return self.cleaned_data


@admin.register(PlatformConnection)
class PlatformConnectionPages(ActionPages):
    """List and page of platform connections."""

    may_add = may_change = may_delete = True
    list_display = ("name", "tenant", "platform", "region", "state", "credential_state")
    list_select_related = ("tenant",)
    list_filter = ("platform", "is_active", "tenant")
    search_fields = ("name", "tenant__name", "platform_tenant")
    actions_detail = ("enter_credential",)
    labels = {"is_active": "Active"}
    empty_hint = (
        "A platform connection is a tenant's account on Genesys Cloud CX or NICE CXone. Channels lead through it."
    )
    fieldsets = (
        (None, {"fields": (("tenant", "name"), ("platform", "region"), "credential_state", "is_active")}),
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

    @action(description="Set credential", url_path="set-credential", icon="key")
    def enter_credential(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the credential, then store it encrypted."""
        connection = self.row_or_404(request, object_id)
        form = CredentialForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            consequence = "It is stored encrypted, replaces what is stored, and is never shown again."
            question = Question(f"Set the credential of {connection}", consequence, "Store the credential")
            return self.ask(request, connection, question, form)
        credential = PlatformCredential(**form.cleaned_data)
        actions.set_credential(connection, credential, acting_user=acting_user(request))
        return self.back_to(request, connection, f"{connection} has a new credential.")

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Go on with the credential."""
        return self.back_to(
            request, obj, f"{obj} is there. Set its credential: without one, none of its channels works."
        )

    def create_by_action(self, user: User, values: dict[str, Any]) -> PlatformConnection:
        """Make the platform connection."""
        return actions.create_platform_connection(values.pop("tenant"), acting_user=user, **values)

    def change_by_action(self, user: User, row: PlatformConnection, values: dict[str, Any]) -> None:
        """Change where it leads, whether it is used, and its limits."""
        actions.change_platform_connection(row, values, acting_user=user)

    def delete_by_action(self, user: User, row: PlatformConnection) -> None:
        """Delete it, if no channel uses it."""
        actions.delete_platform_connection(row, acting_user=user)
