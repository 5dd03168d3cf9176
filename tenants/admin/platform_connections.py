"""The pages of platform connections. A credential has a page of its own, goes in, and is never shown again."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.decorators import action, display

from tenants.actions import platform_connections as actions
from tenants.admin.asking import REFUSALS, Question, acting_user, tell_refusal
from tenants.admin.pages import ActionPages
from tenants.forms.credentials import (
    ADDRESSES,
    PARTS,
    STATE_COLOURS,
    AddressesAskForCredential,
    CredentialForm,
    taken_from,
)
from tenants.models.members import User
from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import CredentialState, PlatformCredential
from tenants.refusals import refusals_of

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
CREDENTIAL_HINT = (
    "It is bound to the hosts of the addresses above, and sent nowhere else. Where they change, enter it anew; else"
    " leave these fields empty: the stored one stays."
)


@admin.register(PlatformConnection)
class PlatformConnectionPages(ActionPages):
    """List and page of platform connections."""

    may_add = may_change = may_delete = True
    list_display = ("name", "tenant", "platform", "region", "state", "credential_state")
    list_select_related = ("tenant",)
    list_filter = ("platform", "is_active", "tenant")
    search_fields = ("name", "tenant__name", "platform_tenant")
    actions_detail: tuple[str, ...] = ("enter_credential",)
    labels = {"is_active": "Active"}
    empty_hint = (
        "A platform connection is a tenant's account on Genesys Cloud CX or NICE CXone. Channels lead through it."
    )
    fieldsets = (
        (None, {"fields": (("tenant", "name"), ("platform", "region"), "is_active")}),
        ("Addresses", {"fields": ("token_url", "socket_url", "platform_tenant", "ca_certificate")}),
        (
            "Credential",
            {"description": CREDENTIAL_HINT, "fields": (("credential_state", "last_refusal"), PARTS[:2], PARTS[2:])},
        ),
        ("Limits", {"fields": ("throttle_policy",)}),
    )
    add_fieldsets = fieldsets[:-1]  # a tenant's limits can be chosen once it is known whose it is

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Regions with the domain that people know from their browser's address line."""
        field: Any = super().formfield_for_choice_field(db_field, request, **options)
        if db_field.name == "region":
            field.choices = [(domain, f"{label}: {domain}" if domain else label) for domain, label in field.choices]
        return field

    def get_queryset(self, request: HttpRequest) -> Any:
        """With their credentials, whose state is shown."""
        return super().get_queryset(request).prefetch_related("credentials")

    def get_form(self, request: HttpRequest, obj: Any = None, change: Any = False, **options: Any) -> Any:  # noqa: FBT002 - Django's
        """The fields of the row, and those of its credential."""
        form = super().get_form(request, obj, change, **{**options, "fields": FIELDS if change else FIELDS[:-1]})
        return type("PlatformConnectionForm", (AddressesAskForCredential, form), {})

    def get_readonly_fields(self, request: HttpRequest, obj: PlatformConnection | None = None) -> tuple[str, ...]:
        """A platform connection never changes its tenant."""
        return ("tenant", "credential_state", "last_refusal") if obj else ("credential_state", "last_refusal")

    @display(description="State", label={"Active": "success", "Off": "danger"}, ordering="is_active")
    def state(self, connection: PlatformConnection) -> str:
        """Active or off."""
        return "Active" if connection.is_active else "Off"

    @display(description="Credential", label=STATE_COLOURS)
    def credential_state(self, connection: PlatformConnection) -> str:
        """Whether there is one that can be sent; never what it is."""
        return connection.credential_state

    @display(description="Refused by the platform")
    def last_refusal(self, connection: PlatformConnection) -> str:
        """What the platform answered to its credentials last, where that was no."""
        refusals = refusals_of(connection.credentials.all())
        return "; ".join(f"{one.name}, {told}" for one, told in refusals.items()) or "no, as far as relays know"

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

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Name the credentials that must be entered anew."""
        credentials = PlatformCredential.objects.filter(platform_connection=obj).select_related("platform_connection")
        elsewhere = [one.name for one in credentials if one.state is CredentialState.BOUND_ELSEWHERE]
        if elsewhere:
            sentence = f"{obj} leads elsewhere now. Enter these credentials anew, each on its own page:"
            messages.warning(request, f"{sentence} {', '.join(elsewhere)}.")
        return super().response_change(request, obj)

    def endings(self, row: PlatformConnection, changed: dict[str, Any]) -> list[str]:
        """Switched off, or leading elsewhere."""
        channels = [channel.pk for channel in row.channels.all()]
        if changed.get("is_active") is False:
            sentence = "Every connection through it is closed (4432), and its channels do not work."
        elif set(ADDRESSES) & set(changed):
            sentence = "New connections lead to the new addresses; those that are open keep the former ones."
        else:
            return []
        return [f"{sentence} {self.open_now(row.tenant_id, channels)}"]

    def create_by_action(self, user: User, values: dict[str, Any]) -> PlatformConnection:
        """Make the platform connection."""
        credential = taken_from(values)
        return actions.create_platform_connection(
            values.pop("tenant"), acting_user=user, credential=credential, **values
        )

    def change_by_action(self, user: User, row: PlatformConnection, values: dict[str, Any]) -> None:
        """Change where it leads, whether it is used, and its limits."""
        credential = taken_from(values)
        actions.change_platform_connection(row, values, acting_user=user, credential=credential)

    def delete_by_action(self, user: User, row: PlatformConnection) -> None:
        """Delete it, if no channel uses it."""
        actions.delete_platform_connection(row, acting_user=user)
