"""The pages of platform credentials. A secret goes in, and is never shown again."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from tenants.actions import platform_credentials as actions
from tenants.admin.pages import ActionPages
from tenants.forms.credentials import PARTS, STATE_COLOURS, CredentialFields, CredentialForm, taken_from
from tenants.forms.owners import OfItsPlatformConnection
from tenants.models.members import User
from tenants.models.platform_credentials import PlatformCredential

HINT = "It is encrypted, bound to the hosts of the platform connection, and never shown. Empty: the stored one stays."
FIELDS = ("platform_connection", "name", "is_active", "throttle_policy")


class NewCredential(OfItsPlatformConnection, CredentialForm):
    """Mixed into the form of a new credential."""


@admin.register(PlatformCredential)
class PlatformCredentialPages(ActionPages):
    """List and page of platform credentials."""

    may_add = may_change = may_delete = True
    list_display = ("name", "platform_connection", "tenant", "use", "state")
    list_select_related = ("tenant", "platform_connection")
    list_filter = ("is_active", "tenant")
    search_fields = ("name", "platform_connection__name", "tenant__name")
    labels = {"is_active": "Active"}
    empty_hint = "Relays log in to a platform with a credential. Several of one platform connection share its traffic."
    fieldsets = (
        (None, {"fields": (("platform_connection", "name"), "state", "is_active")}),
        ("Secret", {"description": HINT, "fields": (PARTS[:2], PARTS[2:])}),
        ("Limits", {"fields": ("throttle_policy",)}),
    )
    add_fieldsets = fieldsets[:-1]  # a tenant's limits can be chosen once it is known whose it is

    def get_readonly_fields(self, request: HttpRequest, obj: PlatformCredential | None = None) -> tuple[str, ...]:
        """A credential never changes its platform connection."""
        return ("platform_connection", "state") if obj else ("state",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: Any = False, **options: Any) -> Any:  # noqa: FBT002 - Django's
        """The fields of the row, and those of its secret: a new one needs it."""
        form = super().get_form(request, obj, change, **{**options, "fields": FIELDS if change else FIELDS[:-1]})
        return type("PlatformCredentialForm", (CredentialFields if change else NewCredential, form), {})

    @display(description="Use", label={"Active": "success", "Off": "danger"}, ordering="is_active")
    def use(self, credential: PlatformCredential) -> str:
        """Active or off."""
        return "Active" if credential.is_active else "Off"

    @display(description="Secret", label=STATE_COLOURS)
    def state(self, credential: PlatformCredential) -> str:
        """Whether it can be sent; never what it is."""
        return credential.state if credential.encrypted_secret else ""

    def open_through(self, row: PlatformCredential) -> str:
        """Those through its platform connection: which of its credentials each uses, nobody tells."""
        channels = [channel.pk for channel in row.platform_connection.channels.all()]
        return f"On {row.platform_connection}: {self.open_now(row.tenant_id, channels)}"

    def endings(self, row: PlatformCredential, changed: dict[str, Any]) -> list[str]:
        """Switched off."""
        if changed.get("is_active") is not False:
            return []
        return [f"Every connection that logged in with it is closed (4432). {self.open_through(row)}"]

    def create_by_action(self, user: User, values: dict[str, Any]) -> PlatformCredential:
        """Add the credential to its platform connection."""
        secret, connection = taken_from(values), values.pop("platform_connection")
        if secret is None:
            raise ValueError("the form asks for the secret")
        return actions.create_credential(connection, secret, acting_user=user, **values)

    def change_by_action(self, user: User, row: PlatformCredential, values: dict[str, Any]) -> None:
        """Change its name, limits, use or secret."""
        secret = taken_from(values)
        if secret is not None:
            actions.set_secret(row, secret, acting_user=user)
        if values:
            actions.change_credential(row, values, acting_user=user)

    def delete_by_action(self, user: User, row: PlatformCredential) -> None:
        """Delete it with its secret."""
        actions.delete_credential(row, acting_user=user)
