"""The pages of throttle policies: what is in force, whom it limits, and its history."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from relay.throttle.policy import default_zones
from tenants.actions.policies import create_draft, create_policy, delete_policy, rename_policy, set_zones
from tenants.admin.asking import Question, acting_user
from tenants.admin.pages import ActionPages
from tenants.admin.rendering import snapshot_in_words, table_of_versions
from tenants.models.members import User
from tenants.models.policies import PolicyVersion, ThrottlePolicy


@admin.register(ThrottlePolicy)
class PolicyPages(ActionPages):
    """List, page and buttons of policies."""

    may_add = may_change = may_delete = True
    list_display = ("name", "tenant", "version_in_force", "limited")
    list_select_related = ("tenant",)
    list_filter = ("tenant",)
    search_fields = ("name", "tenant__name")
    actions_detail = ("begin_draft",)
    readonly_fields = ("zones_in_force", "users", "history")
    empty_hint = "A policy is a set of limits. Add one, change its zones, publish it, then choose it for a client."

    def get_fieldsets(self, request: HttpRequest, obj: ThrottlePolicy | None = None) -> Any:
        """A name first; limits come with the first draft."""
        if obj is None:
            return ((None, {"fields": ("tenant", "name")}),)
        shown = ("zones_in_force", "users", "history")
        return ((None, {"fields": (("tenant", "name"),)}), ("Limits", {"fields": shown}))

    def get_readonly_fields(self, request: HttpRequest, obj: ThrottlePolicy | None = None) -> tuple[str, ...]:
        """A policy never changes its tenant."""
        return ("tenant", *self.readonly_fields) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never for what was published once: people and logs refer to it."""
        was_published = obj is not None and obj.versions.exclude(state=PolicyVersion.State.DRAFT).exists()
        return super().has_delete_permission(request, obj) and not was_published

    @display(description="In force")
    def version_in_force(self, policy: ThrottlePolicy) -> str:
        """The number of the published version."""
        version = policy.versions.published().first()
        return f"version {version.number}" if version else "nothing published yet"

    @display(description="Zones in force")
    def zones_in_force(self, policy: ThrottlePolicy) -> str:
        """The zones of the published version, in words."""
        version = policy.versions.published().first()
        return snapshot_in_words(version.snapshot() if version else None)

    @display(description="Used by")
    def users(self, policy: ThrottlePolicy) -> str:
        """Whom it limits."""
        return self.limited(policy) or "nobody yet: choose it on a client, a channel, a platform connection or a tenant"

    @display(description="Used by", empty_value="nobody yet")
    def limited(self, policy: ThrottlePolicy) -> str:
        """Whom it limits, in a list."""
        names = [f"tenant {tenant}" for tenant in policy.limited_tenants.all()]
        names += [f"client {client}" for client in policy.limited_clients.all()]
        names += [f"channel {channel}" for channel in policy.limited_channels.all()]
        names += [f"platform connection {connection}" for connection in policy.limited_platform_connections.all()]
        return ", ".join(names)

    @display(description="Versions")
    def history(self, policy: ThrottlePolicy) -> str:
        """Every version, the newest first."""
        versions = policy.versions.select_related("published_by").order_by("-number")
        return table_of_versions(versions)

    @action(description="Begin a draft", url_path="begin-draft", icon="edit_note", variant=ActionVariant.PRIMARY)
    def begin_draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then begin a draft with the zones in force, or go to the one that was begun."""
        policy = self.row_or_404(request, object_id)
        draft = policy.versions.filter(state=PolicyVersion.State.DRAFT).first()
        if draft is None and request.method != "POST":
            consequence = "It begins with the zones in force. Nothing changes for anybody before you publish it."
            return self.ask(request, policy, Question(f"Begin a draft of {policy}?", consequence, "Begin the draft"))
        if draft is None:
            in_force = policy.versions.published().first()
            draft = create_draft(policy, copy_of=in_force, acting_user=acting_user(request))
        return HttpResponseRedirect(reverse("admin:tenants_policyversion_change", args=[draft.pk]))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Go on with the first draft, which begins with Floodgate's defaults: a policy without zones says nothing."""
        user = acting_user(request)
        draft = create_draft(obj, note="First version", acting_user=user)
        set_zones(draft, default_zones(), acting_user=user)
        return HttpResponseRedirect(reverse("admin:tenants_policyversion_change", args=[draft.pk]))

    def create_by_action(self, user: User, values: dict[str, Any]) -> ThrottlePolicy:
        """Make the policy."""
        return create_policy(values["tenant"], name=values["name"], acting_user=user)

    def change_by_action(self, user: User, row: ThrottlePolicy, values: dict[str, Any]) -> None:
        """Rename it."""
        if "name" in values:
            rename_policy(row, name=values["name"], acting_user=user)

    def delete_by_action(self, user: User, row: ThrottlePolicy) -> None:
        """Delete it, if it was never published."""
        delete_policy(row, acting_user=user)
