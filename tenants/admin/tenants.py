"""The pages of tenants."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from tenants.actions.tenants import change_tenant, create_tenant, resume_tenant, suspend_tenant
from tenants.admin.asking import Question, acting_user
from tenants.admin.pages import ActionPages
from tenants.admin.rendering import moment, shared_limits
from tenants.models.members import User
from tenants.models.tenants import Tenant

STATE_LABELS = {"Active": "success", "Suspended": "danger"}


@admin.register(Tenant)
class TenantPages(ActionPages):
    """List, page and buttons of tenants."""

    may_add = may_change = True
    list_display = ("name", "slug", "state", "client_count", "channel_count")
    search_fields = ("name", "slug")
    list_filter = ("is_active",)
    readonly_fields = ("state", "id", "founded", "shared_limits_now")
    actions_detail = ("suspend", "resume")
    empty_hint = "A tenant is a customer. Add one, then a platform connection, a channel and a client for it."

    def get_fieldsets(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        """Name and slug first; limits once there is somebody to limit."""
        if obj is None:
            return ((None, {"fields": ("name", "slug")}),)
        return (
            (None, {"fields": ("name", "slug", "state", "throttle_policy")}),
            ("Shared limits", {"fields": ("shared_limits_now",)}),
            ("Record", {"fields": (("id", "founded"),)}),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        """With what is counted in the list."""
        counts = {"clients_": Count("clients", distinct=True), "channels_": Count("channels", distinct=True)}
        return Tenant.objects.visible_to(acting_user(request)).annotate(**counts)

    @display(description="State", label=STATE_LABELS, ordering="is_active")
    def state(self, tenant: Tenant) -> str:
        """Active or suspended."""
        return "Active" if tenant.is_active else "Suspended"

    @display(description="Created", ordering="created_at")
    def founded(self, tenant: Tenant) -> str:
        """When."""
        return moment(tenant.created_at)

    @display(description="Lately")
    def shared_limits_now(self, tenant: Tenant) -> str:
        """What was admitted through limits that relay processes share, beside what they allow."""
        return shared_limits(tenant)

    @display(description="Clients", ordering="clients_")
    def client_count(self, tenant: Any) -> int:
        """How many clients."""
        return int(tenant.clients_)

    @display(description="Channels", ordering="channels_")
    def channel_count(self, tenant: Any) -> int:
        """How many channels."""
        return int(tenant.channels_)

    @action(description="Suspend", url_path="suspend", icon="block", variant=ActionVariant.DANGER)
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then suspend."""
        tenant = self.row_or_404(request, object_id)
        if request.method != "POST":
            consequence = "Its clients get no tokens, and their open connections are closed within a second (4503)."
            consequence += f" {self.open_now(tenant.pk)}"
            return self.ask(request, tenant, Question(f"Suspend {tenant}?", consequence, f"Suspend {tenant}", "danger"))
        suspend_tenant(tenant, acting_user=acting_user(request))
        return self.back_to(request, tenant, f"{tenant} is suspended.")

    @action(description="Resume", url_path="resume", icon="play_arrow", variant=ActionVariant.PRIMARY)
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then resume."""
        tenant = self.row_or_404(request, object_id)
        if request.method != "POST":
            consequence = "Its clients may connect again at once, with the tokens they have."
            return self.ask(request, tenant, Question(f"Resume {tenant}?", consequence, f"Resume {tenant}"))
        resume_tenant(tenant, acting_user=acting_user(request))
        return self.back_to(request, tenant, f"{tenant} is active again.")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Only the button that changes something."""
        tenant: Any = self.get_object(request, object_id)
        unwanted = "resume" if tenant is None or tenant.is_active else "suspend"
        return [button for button in super().get_actions_detail(request, object_id) if button.path != unwanted]

    def endings(self, row: Tenant, changed: dict[str, Any]) -> list[str]:
        """Another slug: addresses that name the tenant."""
        if "slug" not in changed:
            return []
        sentence = f"Addresses that begin with /realtime/{row.slug}/ lead nowhere then. Connections that are open stay,"
        return [f"{sentence} and can't come back by such an address. {self.open_now(row.pk)}"]

    def create_by_action(self, user: User, values: dict[str, Any]) -> Tenant:
        """Found the tenant."""
        return create_tenant(acting_user=user, **values)

    def change_by_action(self, user: User, row: Tenant, values: dict[str, Any]) -> None:
        """Change name, slug and shared limits."""
        change_tenant(row, values, acting_user=user)
