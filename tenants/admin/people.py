"""The pages of people's accounts, on Django's own forms for passwords."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import admin as accounts
from django.http import HttpRequest, HttpResponse
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants.actions.people import change_person, create_person, record_password_change
from tenants.admin.pages import ActionPages, acting_user
from tenants.models.members import User

if TYPE_CHECKING:
    UserAdmin = accounts.UserAdmin[User]  # generic to type checkers only
else:
    UserAdmin = accounts.UserAdmin


@admin.register(User)
class PersonPages(ActionPages, UserAdmin):
    """List and page of accounts."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    may_add = may_change = True
    list_display = ("username", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "memberships__tenant")
    search_fields = ("username", "email", "first_name", "last_name")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "email", "password")}),
        ("Name", {"fields": (("first_name", "last_name"),)}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Record", {"fields": (("last_login", "date_joined"),)}),
    )
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2")}),)
    empty_hint = "People log in with an account. What they may do in a tenant is said by their membership."

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's signature
        """Set a password by Django's form, and say so in the audit log."""
        before = self.row_or_404(request, id)
        answer = super().user_change_password(request, id, form_url)
        after = self.row_or_404(request, id)
        if after.password != before.password:
            record_password_change(after, acting_user=acting_user(request))
        return answer

    def create_by_action(self, user: User, values: dict[str, Any]) -> User:
        """Make the account."""
        return create_person(username=values["username"], password=values.get("password1") or None, acting_user=user)

    def change_by_action(self, user: User, row: User, values: Mapping[str, Any]) -> None:
        """Change the account."""
        change_person(row, values, acting_user=user)
