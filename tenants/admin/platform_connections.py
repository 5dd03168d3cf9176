"""The pages of platform connections. A credential has a page of its own, goes in, and is never shown again."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from tenants.actions import platform_connections as actions
from tenants.admin.asking import REFUSALS, Question, acting_user, tell_refusal
from tenants.admin.pages import ActionPages
from tenants.encryption import (
    LONGEST_PART,
    CredentialBoundElsewhere,
    CredentialUnusable,
    PlatformCredential,
    decrypt_credential,
)
from tenants.models.members import User
from tenants.models.platform_connections import CredentialState, PlatformConnection

PARTS = ("client_id", "client_secret", "access_key_id", "access_key_secret")
FIELDS = (
    "tenant",
    "name",
    "platform",
    "region",
    "is_active",
    "token_url",
    "socket_url",
    "platform_tenant",
    "ca_certificate",
    "throttle_policy",
)
ADDRESSES = ("platform", "region", "token_url", "socket_url")  # what decides the hosts that a credential goes to
CREDENTIAL_HINT = (
    "It is bound to the hosts of the addresses above, and sent nowhere else. Where they change, enter it anew; else"
    " leave these fields empty: the stored one stays."
)
STATE_COLOURS = {
    CredentialState.STORED.value: "success",
    CredentialState.MISSING.value: "warning",
    CredentialState.BOUND_ELSEWHERE.value: "danger",
    CredentialState.UNREADABLE.value: "danger",
}


class CredentialFields(forms.Form):
    """Takes a credential whole or not at all; fills in nothing that was stored."""

    client_id = forms.CharField(
        required=False,
        max_length=LONGEST_PART,
        label="Client ID",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Of the OAuth client that the platform's administrator made for Floodgate.",
    )
    client_secret = forms.CharField(
        required=False,
        max_length=LONGEST_PART,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="The platform shows it once.",
    )
    access_key_id = forms.CharField(
        required=False,
        max_length=LONGEST_PART,
        label="Access key ID",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="CXone only: back ends log in with an access key besides. Genesys: leave both empty.",
    )
    access_key_secret = forms.CharField(
        required=False,
        max_length=LONGEST_PART,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse half a credential, and half an access key."""
        super().clean()
        entered = {name for name in PARTS if self.cleaned_data.get(name)}
        for name in ("client_id", "client_secret"):
            if entered and name not in entered and name not in self.errors:
                self.add_error(name, "A credential needs both client ID and secret.")
        if ("access_key_id" in entered) != ("access_key_secret" in entered):
            self.add_error("access_key_id", "An access key needs both ID and secret.")
        return self.cleaned_data


class CredentialForm(CredentialFields):
    """Takes a credential whole."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Ask for id and secret in any case."""
        super().__init__(*arguments, **options)
        self.fields["client_id"].required = self.fields["client_secret"].required = True

    def entered(self) -> PlatformCredential:
        """The credential that was entered."""
        return PlatformCredential(**self.cleaned_data)


class AddressesAskForCredential(CredentialFields):
    """Mixed into the form of a platform connection: a changed host asks for the credential in the same step."""

    instance: PlatformConnection

    def clean(self) -> dict[str, Any]:
        """Ask for the credential where it was entered for other hosts than the form's."""
        super().clean()
        if set(ADDRESSES) & set(self.changed_data) and not self.cleaned_data.get("client_id"):
            try:
                decrypt_credential(self.instance.encrypted_credential, self._leads_to())
            except CredentialBoundElsewhere as elsewhere:
                self.add_error("client_id", str(elsewhere))
            except CredentialUnusable:
                pass  # there is none to lose, or the address has an error of its own
        return self.cleaned_data

    def _leads_to(self) -> tuple[str, str]:
        changed = {name: self.cleaned_data.get(name, getattr(self.instance, name)) for name in ADDRESSES}
        return PlatformConnection(**changed).leads_to


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
        ("Credential", {"description": CREDENTIAL_HINT, "fields": (PARTS[:2], PARTS[2:])}),
        ("Limits", {"fields": ("throttle_policy",)}),
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: Any = False, **options: Any) -> Any:  # noqa: FBT002 - Django's
        """The fields of the row, and those of its credential."""
        form = super().get_form(request, obj, change, **{**options, "fields": FIELDS})
        return type("PlatformConnectionForm", (AddressesAskForCredential, form), {})

    def get_readonly_fields(self, request: HttpRequest, obj: PlatformConnection | None = None) -> tuple[str, ...]:
        """A platform connection never changes its tenant."""
        return ("tenant", "credential_state") if obj else ("credential_state",)

    @display(description="State", label={"Active": "success", "Off": "danger"}, ordering="is_active")
    def state(self, connection: PlatformConnection) -> str:
        """Active or off."""
        return "Active" if connection.is_active else "Off"

    @display(description="Credential", label=STATE_COLOURS)
    def credential_state(self, connection: PlatformConnection) -> str:
        """Whether there is one that can be sent; never what it is."""
        return connection.credential_state

    @action(description="Set credential", url_path="set-credential", icon="key")
    def enter_credential(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the credential, then store it encrypted."""
        connection = self.row_or_404(request, object_id)
        form = CredentialForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            consequence = "It is stored encrypted, replaces what is stored, and is never shown again."
            question = Question(f"Set the credential of {connection}", consequence, "Store the credential")
            return self.ask(request, connection, question, form)
        try:
            actions.set_credential(connection, form.entered(), acting_user=acting_user(request))
        except REFUSALS as refusal:
            tell_refusal(request, refusal)
            return HttpResponseRedirect(self.address_of(connection.pk))
        return self.back_to(request, connection, f"{connection} has a new credential.")

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Go on with the credential, where it was not entered at once."""
        if obj.credential_state is CredentialState.STORED:
            return self.back_to(request, obj, f"{obj} is there, with its credential.")
        return self.back_to(
            request, obj, f"{obj} is there. Set its credential: without one, none of its channels works."
        )

    def create_by_action(self, user: User, values: dict[str, Any]) -> PlatformConnection:
        """Make the platform connection."""
        credential = _taken_from(values)
        return actions.create_platform_connection(
            values.pop("tenant"), acting_user=user, credential=credential, **values
        )

    def change_by_action(self, user: User, row: PlatformConnection, values: dict[str, Any]) -> None:
        """Change where it leads, whether it is used, and its limits."""
        credential = _taken_from(values)
        actions.change_platform_connection(row, values, acting_user=user, credential=credential)

    def delete_by_action(self, user: User, row: PlatformConnection) -> None:
        """Delete it, if no channel uses it."""
        actions.delete_platform_connection(row, acting_user=user)


def _taken_from(values: dict[str, Any]) -> PlatformCredential | None:
    """The credential that a form's values have, if any, taken out of them."""
    parts = {name: values.pop(name, "") for name in PARTS}
    return PlatformCredential(**parts) if parts["client_id"] else None
