"""The pages of policy versions: drafts with their zones as a form, published ones to read, copy and roll back to."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from unfold.admin import StackedInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from relay.throttle.policy import StoreAway
from tenants.actions import policies as actions
from tenants.admin import rendering
from tenants.admin.asking import REFUSALS, Question, ReasonForm, acting_user, is_administrator, tell_refusal
from tenants.admin.pages import ActionPages
from tenants.forms.zone_rows import with_ids_of
from tenants.models.members import User
from tenants.models.policies import PolicyVersion
from tenants.models.zones import ThrottleZone

HOW_TO_READ = (
    "A zone is one limit. With 100 permits, period 1, burst 20 and delay 10, a client may send 100 messages a second;"
    " from rest 11 pass at once, 10 more wait for their turn, the rest waits in the sender. Click a zone to open it."
    " Save, then publish: before that nothing changes for anybody."
)
PUBLISHED_MEANWHILE = (
    "Not stored: {who} published this version while you had it open, so it never changes. Copy it to a draft, and enter"
    " your changes there."
)
NEVER_CHANGES = "This version was published, so it never changes. Copy it to a draft to go on from it."
ZONE_LABELS = {
    "period_seconds": "Period, in seconds",
    "close_after_waiting_seconds": "Close after waiting, in seconds",
}
RECORD = ("policy", "number", "created_by", "published_by", "published")
STATE_LABELS = {"Draft": "warning", "Published": "success", "Retired": "default"}


class ZoneForms(StackedInline):
    """The zones of a version; whatever ZonePolicy refuses stands at the field at fault."""

    model = ThrottleZone
    extra = 0
    collapsible = True
    fields = (
        ("name", "scope", "counted", "direction"),
        ("permits", "period_seconds", "burst", "delay"),
        ("beyond", "close_after_waiting_seconds"),
        "strict",
    )

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        """Say units as people do."""
        field: Any = super().formfield_for_dbfield(db_field, request, **options)
        if field is not None and db_field.name in ZONE_LABELS:
            field.label = ZONE_LABELS[db_field.name]
        return field

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Drafts only."""
        return _is_draft(obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Drafts only."""
        return _is_draft(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Drafts only."""
        return _is_draft(obj)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever sees the version."""
        return True


@admin.register(PolicyVersion)
class VersionPages(ActionPages):
    """List, page and buttons of versions."""

    may_change = may_delete = True
    inlines = (ZoneForms,)
    list_display = ("__str__", "tenant", "state_label", "note", "published", "published_by")
    list_select_related = ("policy__tenant", "published_by")
    list_filter = ("state", "policy__tenant", "policy")
    search_fields = ("policy__name", "note")
    ordering = ("policy__tenant__name", "policy__name", "-number")
    readonly_fields = (*RECORD, "state_label", "changes", "enforced")
    actions_detail = ("publish", "copy_to_draft", "roll_back")
    empty_hint = "Versions come from policies: add a policy, and its first draft opens."

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Drafts only: what was published never changes."""
        return super().has_change_permission(request, obj) and (obj is None or _is_draft(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Drafts only."""
        return super().has_delete_permission(request, obj) and (obj is None or _is_draft(obj))

    def get_fieldsets(self, request: HttpRequest, obj: PolicyVersion | None = None) -> Any:
        """With what can be done here: a draft is filled and published, the others are read and copied."""
        is_in_force = obj is not None and obj.state == PolicyVersion.State.PUBLISHED
        shown = (("policy", "number", "state_label"), ("note", "store_away"), RECORD[2:], "changes")
        description = HOW_TO_READ if _is_draft(obj) else NEVER_CHANGES
        return ((None, {"fields": (*shown, "enforced") if is_in_force else shown, "description": description}),)

    def get_urls(self) -> list[URLPattern]:
        """With the receipt alone, which its page asks for again and again."""
        view = self.admin_site.admin_view(self.receipt)
        return [path("<path:object_id>/receipt/", view, name="tenants_policyversion_receipt"), *super().get_urls()]

    def receipt(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Who enforces the version by now, as a part of its page."""
        version = self.row_or_404(request, object_id)
        return HttpResponse(rendering.receipt(version))

    @display(description="Tenant", ordering="policy__tenant__name")
    def tenant(self, version: PolicyVersion) -> str:
        """Whose it is."""
        return str(version.policy.tenant)

    @display(description="State", label=STATE_LABELS, ordering="state")
    def state_label(self, version: PolicyVersion) -> str:
        """Draft, published or retired."""
        return version.get_state_display()

    @display(description="Published", ordering="published_at")
    def published(self, version: PolicyVersion) -> str:
        """When, or never."""
        return rendering.moment(version.published_at)

    @display(description="What it changes")
    def changes(self, version: PolicyVersion) -> str:
        """A draft, of what is in force; the others, of what was in force before them."""
        return rendering.comparison(version)

    @display(description="Enforced")
    def enforced(self, version: PolicyVersion) -> str:
        """By which relay processes, and how soon after it was announced."""
        return rendering.receipt(version)

    @action(description="Publish", url_path="publish", icon="rocket_launch", variant=ActionVariant.PRIMARY)
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then put the stored draft in force."""
        version = self.row_or_404(request, object_id)
        question = Question(
            f"Publish {version}?",
            "Relays enforce it within a second, on open connections too. After that it never changes.",
            f"Publish version {version.number}",
            details=rendering.compared(PolicyVersion.objects.before(version), version),
        )
        return self._asked(request, version, question, actions.publish_version)

    @action(description="Roll back to this", url_path="roll-back", icon="history", variant=ActionVariant.PRIMARY)
    def roll_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then publish a copy."""
        version = self.row_or_404(request, object_id)
        question = Question(
            f"Roll back to version {version.number}?",
            "A copy of it is published: relays enforce it within a second. The history keeps every version.",
            f"Roll back to version {version.number}",
            details=rendering.compared(version.policy.versions.published().first(), version),
        )
        return self._asked(request, version, question, actions.roll_back)

    @action(description="Copy to a draft", url_path="copy-to-draft", icon="content_copy")
    def copy_to_draft(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then begin a draft with the same zones."""
        version = self.row_or_404(request, object_id)
        if request.method != "POST":
            consequence = "Nothing changes for anybody before you publish the draft."
            return self.ask(
                request, version, Question(f"Copy version {version.number} to a draft?", consequence, "Copy to a draft")
            )
        draft = actions.create_draft(version.policy, copy_of=version, acting_user=acting_user(request))
        return self.back_to(request, draft, f"{draft} has the zones of version {version.number}.")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Only the buttons that fit the version's state."""
        version = self.get_object(request, object_id)
        fitting = {"draft": {"publish"}, "published": {"copy-to-draft"}, "retired": {"copy-to-draft", "roll-back"}}
        wanted = fitting[version.state] if version else set()
        return [button for button in super().get_actions_detail(request, object_id) if button.path in wanted]

    def also_stored(self, row: PolicyVersion) -> dict[str, str]:
        """The zones of the version, in words."""
        return {f"Zone {zone.name}": zone.in_words() for zone in row.zones.all()}

    def get_formset_kwargs(self, request: HttpRequest, obj: Any, inline: Any, prefix: str) -> Any:
        """Find the stored zones of what was posted by their names."""
        options = super().get_formset_kwargs(request, obj, inline, prefix)
        if "data" in options:
            stored = dict(obj.zones.values_list("name", "pk"))
            options["data"] = with_ids_of(options["data"], prefix, stored)
        return options

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """Say what has become of a draft that was published while somebody had it open."""
        version = self.get_object(request, unquote(object_id)) if object_id and request.method == "POST" else None
        if version is not None and not version.is_draft and is_administrator(request):
            messages.error(request, PUBLISHED_MEANWHILE.format(who=version.published_by or "somebody"))
            return HttpResponseRedirect(self.address_of(version.pk))
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Put the zones of the form in place of the draft's, if they differ."""
        for formset in formsets:
            kept = [zone for zone in formset.forms if zone.has_changed() or zone.instance.pk]
            zones = [zone.instance.as_policy() for zone in kept if zone not in formset.deleted_forms]
            if zones != list(form.instance.zone_policies()):
                actions.set_zones(form.instance, zones, acting_user=acting_user(request))

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        """Nothing: the audit log says it."""
        return ""

    def change_by_action(self, user: User, row: PolicyVersion, values: dict[str, Any]) -> None:
        """Change the note, and what happens without Redis."""
        if "note" in values:
            actions.set_note(row, values["note"], acting_user=user)
        if "store_away" in values:
            actions.set_store_away(row, StoreAway(values["store_away"]), acting_user=user)

    def delete_by_action(self, user: User, row: PolicyVersion) -> None:
        """Throw a draft away."""
        actions.delete_draft(row, acting_user=user)

    def _asked(self, request: HttpRequest, version: PolicyVersion, question: Question, act: Any) -> HttpResponse:
        """Ask for a reason, then put in force what ``act`` answers."""
        form = ReasonForm(request.POST if request.method == "POST" else None)
        is_as_seen = request.POST.get("seen", question.seen) == question.seen
        if not is_as_seen:
            messages.warning(request, "It differs from what you were shown: somebody changed it. Read it again.")
        if not form.is_valid() or not is_as_seen:
            return self.ask(request, version, question, form)
        try:
            result = act(version, acting_user=acting_user(request), reason=form.cleaned_data["reason"])
        except REFUSALS as refusal:
            tell_refusal(request, refusal)
            return HttpResponseRedirect(self.address_of(version.pk))
        return self.back_to(request, result, f"{result.policy} version {result.number} is in force.")


def _is_draft(version: Model | None) -> bool:
    return isinstance(version, PolicyVersion) and version.is_draft
