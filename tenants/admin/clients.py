"""The pages of OAuth clients: what they may use, what limits them, and the buttons that end or renew their secrets."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from tenants.actions import clients as actions
from tenants.admin.asking import Question, acting_user
from tenants.admin.pages import ActionPages
from tenants.admin.rendering import limits_in_force, moment
from tenants.models.clients import EVER, OAuthClient
from tenants.models.members import User

STATE_LABELS = {"Active": "success", "Disabled": "danger"}
SECRET = "issued_secret"  # noqa: S105 - a name
SHOWN = ("tenant", "state", "client_id", "secret", "tokens_revoked", "limits", "made")


admin.site.unregister(OAuthClient)  # the OAuth library brought a page of its own


@admin.register(OAuthClient)
class ClientPages(ActionPages):
    """List, page and buttons of OAuth clients."""

    may_add = may_change = may_delete = True
    list_display = ("name", "tenant", "state", "channel_names", "policy", "token_life")
    list_select_related = ("tenant", "throttle_policy")
    list_filter = ("is_active", "tenant", "channels")
    labels = {"token_life_seconds": "Token life, in seconds"}
    search_fields = ("name", "client_id", "tenant__name")
    actions_detail = ("rotate_secret", "revoke_tokens", "disable", "enable")
    empty_hint = (
        "A client is a program that connects with an id and a secret. Add one, then give it channels and scopes."
    )
    add_fieldsets = ((None, {"fields": ("tenant", "name", "scopes", "token_life_seconds")}),)
    fieldsets = (
        (None, {"fields": (("name", "tenant", "state"), "client_id", "secret")}),
        ("What it may use", {"fields": ("channels", "scopes", "token_life_seconds")}),
        ("What limits it", {"fields": ("throttle_policy", "weight", "limits")}),
        ("Record", {"fields": (("made", "tokens_revoked"),)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: OAuthClient | None = None) -> tuple[str, ...]:
        """A client never changes its tenant."""
        return SHOWN if obj else ()

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the channels that the list names."""
        return OAuthClient.objects.visible_to(acting_user(request)).prefetch_related("channels")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        """Channels are boxes to tick; scopes stand on one line."""
        if db_field.name == "channels":
            options["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        if db_field.name == "scopes":
            options["widget"] = UnfoldAdminTextInputWidget()
        return super().formfield_for_dbfield(db_field, request, **options)

    @display(description="State", label=STATE_LABELS, ordering="is_active")
    def state(self, client: OAuthClient) -> str:
        """Active or disabled."""
        return "Active" if client.is_active else "Disabled"

    @display(description="Secret")
    def secret(self, client: OAuthClient) -> str:
        """Its last four letters; the rest was shown once."""
        return f"ends in {client.secret_last_four}. It was shown once; rotate it if it is lost."

    @display(description="All tokens revoked")
    def tokens_revoked(self, client: OAuthClient) -> str:
        """When that was last done."""
        if client.tokens_valid_from == EVER:
            return "never"
        return f"those issued before {moment(client.tokens_valid_from)}"

    @display(description="Channels")
    def channel_names(self, client: OAuthClient) -> str:
        """Their names."""
        return ", ".join(channel.name for channel in client.channels.all()) or "none"

    @display(description="Policy", ordering="throttle_policy__name")
    def policy(self, client: OAuthClient) -> str:
        """What limits it alone."""
        return str(client.throttle_policy or "Floodgate's defaults")

    @display(description="Created", ordering="created")
    def made(self, client: OAuthClient) -> str:
        """When."""
        return moment(client.created)

    @display(description="Token life", ordering="token_life_seconds")
    def token_life(self, client: OAuthClient) -> str:
        """In seconds."""
        return f"{client.token_life_seconds:,} s"

    @display(description="Limits in force")
    def limits(self, client: OAuthClient) -> str:
        """Every zone that counts for this client, in words."""
        return limits_in_force(client)

    @action(description="Rotate secret", url_path="rotate-secret", icon="key")
    def rotate_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then show another secret."""
        client = self.row_or_404(request, object_id)
        if request.method != "POST":
            consequence = "The former secret gets no more tokens at once. Tokens that it got stay valid until they end."
            question = Question(f"Give {client} another secret?", consequence, f"Rotate the secret of {client}")
            return self.ask(request, client, question)
        return self.secret_page(request, actions.rotate_client_secret(client, acting_user=acting_user(request)))

    @action(description="Revoke tokens", url_path="revoke-tokens", icon="no_encryption", variant=ActionVariant.DANGER)
    def revoke_tokens(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then end every token."""
        client = self.row_or_404(request, object_id)
        if request.method != "POST":
            consequence = "Its open connections are closed within a second (4502). It may ask for new tokens at once."
            consequence += f" {self.open_through(client)}"
            question = Question(f"End all tokens of {client}?", consequence, f"Revoke the tokens of {client}", "danger")
            return self.ask(request, client, question)
        actions.revoke_client_tokens(client, acting_user=acting_user(request))
        return self.back_to(request, client, f"All tokens of {client} are revoked.")

    @action(description="Disable", url_path="disable", icon="block", variant=ActionVariant.DANGER)
    def disable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then disable."""
        client = self.row_or_404(request, object_id)
        if request.method != "POST":
            consequence = (
                "It gets no tokens, those it has are revoked, its connections are closed within a second (4502)."
                f" {self.open_through(client)}"
            )
            return self.ask(request, client, Question(f"Disable {client}?", consequence, f"Disable {client}", "danger"))
        actions.disable_client(client, acting_user=acting_user(request))
        return self.back_to(request, client, f"{client} is disabled.")

    @action(description="Enable", url_path="enable", icon="play_arrow", variant=ActionVariant.PRIMARY)
    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then enable."""
        client = self.row_or_404(request, object_id)
        if request.method != "POST":
            consequence = "It may ask for tokens again; its former ones stay revoked."
            return self.ask(request, client, Question(f"Enable {client}?", consequence, f"Enable {client}"))
        actions.enable_client(client, acting_user=acting_user(request))
        return self.back_to(request, client, f"{client} is active again.")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Only the buttons that change something."""
        client = self.get_object(request, object_id)
        unwanted = "enable" if client is None or client.is_active else "disable"
        return [button for button in super().get_actions_detail(request, object_id) if button.path != unwanted]

    def secret_page(self, request: HttpRequest, issued: actions.IssuedSecret) -> TemplateResponse:
        """The only page that ever shows a secret; nobody keeps a copy of it."""
        context = {
            **self.context_of(request, issued.client),
            "title": f"The secret of {issued.client}",
            "issued": issued,
        }
        return TemplateResponse(request, "tenants/admin/secret.html", context, headers={"Cache-Control": "no-store"})

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Show the secret before anything else."""
        return self.secret_page(request, actions.IssuedSecret(obj, vars(obj).pop(SECRET)))

    def open_through(self, row: OAuthClient) -> str:
        """Those of the client."""
        return self.open_now(row.tenant_id, client_id=row.client_id)

    def endings(self, row: OAuthClient, changed: dict[str, Any]) -> list[str]:
        """Channels that it may use no more."""
        kept = changed.get("channels", row.channels.all())
        taken = [channel for channel in row.channels.all() if channel not in kept]
        if not taken:
            return []
        names, ids = ", ".join(channel.name for channel in taken), [channel.pk for channel in taken]
        return [f"Its connections to {names} are closed (4504). {self.open_now(row.tenant_id, ids, row.client_id)}"]

    def create_by_action(self, user: User, values: dict[str, Any]) -> OAuthClient:
        """Make the client; its secret travels with this one row until it was shown, for pages serve many people."""
        issued = actions.create_client(values.pop("tenant"), acting_user=user, **values)
        vars(issued.client)[SECRET] = issued.secret
        return issued.client

    def change_by_action(self, user: User, row: OAuthClient, values: dict[str, Any]) -> None:
        """Change what it may use and its limits."""
        actions.change_client(row, values, acting_user=user)

    def delete_by_action(self, user: User, row: OAuthClient) -> None:
        """Delete it for good."""
        actions.delete_client(row, acting_user=user)
