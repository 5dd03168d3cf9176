"""The pages of people's accounts. What they may do in a tenant is in members.py."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm

from tenants.actions.people import change_person, create_person, set_password
from tenants.admin.asking import Question, acting_user
from tenants.admin.pages import ActionPages
from tenants.admin.rendering import moment
from tenants.models.members import User


@admin.register(User)
class PersonPages(ActionPages):
    """List and page of accounts."""

    may_add = may_change = True
    list_display = ("username", "email", "state", "administers", "logged_in_last")
    list_filter = ("is_active", "is_superuser", "memberships__tenant")
    search_fields = ("username", "email", "first_name", "last_name")
    readonly_fields = ("logged_in_last",)
    actions_detail = ("give_password",)
    labels = {"is_staff": "Staff", "is_superuser": "Administrator"}
    hints = {
        "username": "What the person types to log in. Letters, digits and @ . + - _ only.",
        "is_active": "Who is not active can't log in.",
        "is_staff": "An administrator needs this too; alone it opens nothing.",
        "is_superuser": "May see and change everything of every tenant.",
    }
    empty_hint = "People log in with an account. What they may do in a tenant is said by their membership."

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """A name first; the password has a page of its own."""
        if obj is None:
            return ((None, {"fields": ("username", "email")}),)
        return (
            (None, {"fields": (("username", "email"), ("first_name", "last_name"), "logged_in_last")}),
            ("Rights", {"fields": ("is_active", "is_staff", "is_superuser")}),
        )

    @display(description="State", label={"Active": "success", "Off": "danger"}, ordering="is_active")
    def state(self, person: User) -> str:
        """Active or off."""
        return "Active" if person.is_active else "Off"

    @display(description="Administrator", ordering="is_superuser")
    def administers(self, person: User) -> str:
        """Whether the person may change everything."""
        return "yes" if person.is_superuser else "no"

    @display(description="Logged in last", ordering="last_login")
    def logged_in_last(self, person: User) -> str:
        """When, or never."""
        return moment(person.last_login)

    @action(description="Set password", url_path="set-password", icon="key")
    def give_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a password, then set it."""
        person = self.row_or_404(request, object_id)
        form = AdminPasswordChangeForm(person, request.POST or None)
        form.fields.pop("usable_password", None)
        if request.method != "POST" or not form.is_valid():
            consequence = "The former password no longer works, and the person is logged out everywhere."
            return self.ask(
                request, person, Question(f"Set a password for {person}", consequence, "Set the password"), form
            )
        set_password(person, form.cleaned_data["password1"], acting_user=acting_user(request))
        return self.back_to(request, person, f"{person} has a new password.")

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Go on with rights and password."""
        return self.back_to(request, obj, f"{obj} has an account. Nobody can log in with it before it has a password.")

    def create_by_action(self, user: User, values: dict[str, Any]) -> User:
        """Make the account."""
        return create_person(acting_user=user, **values)

    def change_by_action(self, user: User, row: User, values: dict[str, Any]) -> None:
        """Change the account."""
        change_person(row, values, acting_user=user)
