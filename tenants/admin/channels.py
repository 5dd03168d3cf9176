"""The pages of channels."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from tenants.actions.channels import change_channel, create_channel, delete_channel
from tenants.admin.pages import ActionPages
from tenants.forms.owners import OfItsPlatformConnection
from tenants.models.channels import Channel
from tenants.models.members import User


@admin.register(Channel)
class ChannelPages(ActionPages):
    """List and page of channels."""

    may_add = may_change = may_delete = True
    list_display = ("name", "tenant", "platform_connection", "leads_to", "scope", "throttle_policy")
    list_select_related = ("tenant", "platform_connection", "throttle_policy")
    list_filter = ("tenant", "platform_connection")
    search_fields = ("name", "platform_channel", "tenant__name")
    hints = {"maps_to": "What the channel is on the platform: a socket, whose address the platform connection says."}
    empty_hint = (
        "A channel is what clients connect to by name. It leads through a platform connection: add one of those first."
    )
    add_fieldsets = (
        (None, {"fields": ("name", "scope")}),
        ("Where it leads", {"fields": ("platform_connection", ("maps_to", "platform_channel"), "priority")}),
    )
    fieldsets = (
        (None, {"fields": (("tenant", "name"), "scope")}),
        ("Where it leads", {"fields": ("platform_connection", ("maps_to", "platform_channel"))}),
        ("Limits", {"fields": ("throttle_policy", "priority")}),
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: Any = False, **options: Any) -> Any:  # noqa: FBT002 - Django's
        """A new channel belongs to the tenant of its platform connection."""
        form = super().get_form(request, obj, change, **options)
        return form if change else type("NewChannelForm", (OfItsPlatformConnection, form), {})

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> tuple[str, ...]:
        """A channel never changes its tenant."""
        return ("tenant",) if obj else ()

    @display(description="Leads to")
    def leads_to(self, channel: Channel) -> str:
        """What the platform calls it."""
        return channel.effective_platform_channel

    def open_through(self, row: Channel) -> str:
        """Those to the channel."""
        return self.open_now(row.tenant_id, [row.pk])

    def endings(self, row: Channel, changed: dict[str, Any]) -> list[str]:
        """Another name, another platform connection, another scope."""
        sentences = {
            "name": f"Connections to {row.name} are closed (4504); only {changed.get('name')} leads here then.",
            "platform_connection": f"Connections are closed (4432). New ones use {changed.get('platform_connection')}.",
            "scope": f"Connections whose tokens lack {changed.get('scope')} are closed (4504).",
        }
        ending = [sentences[field] for field in sentences if changed.get(field)]
        return [f"{sentence} {self.open_through(row)}" for sentence in ending]

    def create_by_action(self, user: User, values: dict[str, Any]) -> Channel:
        """Make the channel."""
        return create_channel(values["platform_connection"].tenant, acting_user=user, **values)

    def change_by_action(self, user: User, row: Channel, values: dict[str, Any]) -> None:
        """Change where it leads, its scope, its limits and its priority."""
        change_channel(row, values, acting_user=user)

    def delete_by_action(self, user: User, row: Channel) -> None:
        """Delete it."""
        delete_channel(row, acting_user=user)
