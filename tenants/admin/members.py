"""The pages of members: who belongs to which tenant, and in which role."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from tenants.actions.members import add_member, change_role, remove_member
from tenants.admin.pages import ActionPages
from tenants.admin.rendering import moment
from tenants.models.members import Member, User

ROLE_LABELS = {"Owner": "success", "Operator": "info", "Viewer": "default"}


@admin.register(Member)
class MemberPages(ActionPages):
    """List and page of members."""

    may_add = may_change = may_delete = True
    list_display = ("user", "tenant", "role_label", "since")
    list_select_related = ("user", "tenant")
    list_filter = ("role", "tenant")
    search_fields = ("user__username", "user__email", "tenant__name")
    fields = ("tenant", "user", "role")
    empty_hint = (
        "A member is a person in a tenant. Owners say who belongs to it, operators change things, viewers look."
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Member | None = None) -> tuple[str, ...]:
        """Only the role can be changed."""
        return ("tenant", "user") if obj else ()

    @display(description="Role", label=ROLE_LABELS, ordering="role")
    def role_label(self, member: Member) -> str:
        """The role."""
        return member.get_role_display()

    @display(description="Since", ordering="created_at")
    def since(self, member: Member) -> str:
        """When they were let in."""
        return moment(member.created_at)

    def create_by_action(self, user: User, values: dict[str, Any]) -> Member:
        """Let the person in; the role that the form offers first counts as not changed."""
        role = values.get("role", Member.Role.VIEWER)
        return add_member(values["tenant"], values["user"], role=role, acting_user=user)

    def change_by_action(self, user: User, row: Member, values: dict[str, Any]) -> None:
        """Give another role."""
        if "role" in values:
            change_role(row, role=values["role"], acting_user=user)

    def delete_by_action(self, user: User, row: Member) -> None:
        """Take the person out."""
        remove_member(row, acting_user=user)
