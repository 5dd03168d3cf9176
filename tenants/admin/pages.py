"""What all pages of control data share: they change things by actions only, and ask before they end something."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from auditlog.models import LogEntry
from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from tenants.admin.asking import REFUSALS, Question, acting_user, ask, is_administrator, tell_refusal
from tenants.forms.conflicts import ChangesOnlyWhatItShowed
from tenants.forms.endings import AsksBeforeItEnds
from tenants.models.members import User
from tenants.open_connections import open_now

FILTER_LOOKUPS = ("", "__exact", "__id__exact", "__isnull", "__gte", "__lt")  # of Django's own filters
AUDIT_LOG = "admin:auditlog_logentry_changelist"


class ActionPages(ModelAdmin):
    """Pages of one kind of row. Subclasses say by which actions rows are created, changed and deleted.

    Only administrators come here: members of a tenant have the portal.
    """

    actions = None  # Django's bulk deletion goes round ours
    compressed_fields = False  # labels above their fields: beside them, two fields of a row overlap
    warn_unsaved_form = True
    list_fullwidth = True
    has_history = True
    may_add = may_change = may_delete = False
    empty_hint = "What is created is listed here."
    change_form_before_template = "tenants/admin/before_form.html"
    labels: Mapping[str, str] = {}  # of fields whose own says too little
    hints: Mapping[str, str] = {}

    def create_by_action(self, user: User, values: dict[str, Any]) -> Model:
        """Create a row from a form's values. Asked only where ``may_add``."""
        raise NotImplementedError

    def change_by_action(self, user: User, row: Any, values: dict[str, Any]) -> None:
        """Change a row; ``values`` are those that the form changed. Asked only where ``may_change``."""
        raise NotImplementedError

    def delete_by_action(self, user: User, row: Any) -> None:
        """Delete a row. Asked only where ``may_delete``."""
        raise NotImplementedError

    def endings(self, row: Any, changed: dict[str, Any]) -> list[str]:
        """What new values of a stored row would end, a sentence each: people are asked before it is done."""
        return []

    def open_through(self, row: Any) -> str:
        """Say how many connections are open that a row's deletion would end; nothing where it would end none."""
        return ""

    def open_now(self, tenant_id: Any, channels: list[Any] | None = None, client_id: str | None = None) -> str:
        """Say how many connections of a tenant are open: all, or on these channels, or of this client on them."""
        return open_now(tenant_id).sentence(channels=channels, client_id=client_id)

    def also_stored(self, row: Any) -> dict[str, str]:
        """Texts by label of what the page of a row stores besides its own fields."""
        return {}

    def get_form(self, request: HttpRequest, obj: Any = None, change: Any = False, **options: Any) -> Any:  # noqa: FBT002 - Django's
        """The form of a stored row stores nothing over another's changes, and asks before it ends connections."""
        form = super().get_form(request, obj, change, **options)
        if obj is None:
            return form
        hooks = {
            "endings_of": lambda _form, row, changed: self.endings(row, changed),
            "also_stored": self.also_stored(obj),
        }
        return type("StoredRowForm", (AsksBeforeItEnds, ChangesOnlyWhatItShowed, form), hooks)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Administrators only."""
        return is_administrator(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Administrators only."""
        return is_administrator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Administrators, where rows can be added."""
        return self.may_add and is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Administrators, where rows can be changed."""
        return self.may_change and is_administrator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Administrators, where rows can be deleted."""
        return self.may_delete and is_administrator(request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """What the page's own filters ask for, and nothing else.

        Django allows any lookup of any field, so ``?password__startswith=`` would tell a hash letter by letter.
        """
        return lookup in {allowed for item in self.get_list_filter(request) for allowed in _lookups_of(item)}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        """Tell people why an action refused, where Django would answer 500."""
        try:
            shown = {"show_save_and_add_another": False, "show_history": self.has_history, **(extra_context or {})}
            with transaction.atomic():
                if request.method == "POST" and object_id is not None:
                    self._lock(request, object_id)
                return super().changeform_view(request, object_id, form_url, shown)
        except REFUSALS as refusal:
            tell_refusal(request, refusal)
            return HttpResponseRedirect(request.get_full_path())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *shown: Any, **options: Any) -> Any:
        """Say who changed the row last, where that was somebody else meanwhile."""
        form = context["adminform"].form
        if getattr(form, "differences", ()):
            context["last_change"] = LogEntry.objects.get_for_object(form.instance).select_related("actor").first()
        return super().render_change_form(request, context, *shown, **options)

    def _lock(self, request: HttpRequest, object_id: str) -> None:
        """Keep a row from others until what was made of it is stored."""
        row = self.get_object(request, unquote(object_id))
        if row is not None:
            self.model._default_manager.select_for_update(of=("self",)).get(pk=row.pk)  # noqa: SLF001 - Django documents it

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with a row, but for the lines between two tables: they have no names for people."""
        _, counts, lacking, protected = super().get_deleted_objects(objs, request)
        named = {kind: count for kind, count in counts.items() if "relationship" not in str(kind)}
        rows = [f"{row._meta.verbose_name} {row}" for row in objs]  # noqa: SLF001 - Django documents it
        rows += [sentence for row in objs if (sentence := self.open_through(row))]
        return rows, named, lacking, protected

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Tell people why an action refused, on the page of what stays."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except REFUSALS as refusal:
            tell_refusal(request, refusal)
            return HttpResponseRedirect(self.address_of(object_id))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit log of one row."""
        acting_user(request)
        return HttpResponseRedirect(f"{reverse(AUDIT_LOG)}?{urlencode({'object_pk__exact': object_id})}")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        """Offer what belongs to the row's tenant; open no small windows; text areas have three lines."""
        field: Any = super().formfield_for_dbfield(db_field, request, **options)
        widget = getattr(field, "widget", None)
        if isinstance(widget, RelatedFieldWidgetWrapper):
            field.widget = widget.widget
        if field is not None:
            field.label = self.labels.get(db_field.name, field.label)
            field.help_text = self.hints.get(db_field.name, field.help_text)
        if isinstance(widget, forms.Textarea):
            widget.attrs["rows"] = 3
        if isinstance(field, forms.ModelChoiceField) and hasattr(db_field.related_model, "tenant"):
            self._narrow(field, request)
        return field

    def _narrow(self, field: Any, request: HttpRequest) -> None:
        """Choices of the row's tenant; while there is none yet, each choice says whose it is."""
        object_id = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        row: Any = self.get_object(request, object_id) if object_id else None
        if row is None:
            field.queryset = field.queryset.select_related("tenant").order_by("tenant__name", "name")
            field.label_from_instance = lambda choice: f"{choice.tenant}: {choice}"
            return
        field.queryset = field.queryset.filter(tenant=getattr(row, "tenant_id", row.pk))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Store by an action, and go on with what the action stored."""
        values = {name: form.cleaned_data[name] for name in form.changed_data if name in form.cleaned_data}
        if change:
            self.change_by_action(acting_user(request), obj, values)
            return
        stored = self.create_by_action(acting_user(request), values)
        vars(obj).update(vars(stored))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Nothing: the action stored many-to-many fields too."""

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Delete by an action."""
        self.delete_by_action(acting_user(request), obj)

    def row_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """The row of a button's address.

        Raises:
            Http404: there is none.
            PermissionDenied: for everybody but administrators.
        """
        acting_user(request)
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    def ask(self, request: HttpRequest, row: Model, question: Question, form: forms.Form | None = None) -> HttpResponse:
        """The page that asks before a button does what matters: no link does."""
        return ask(request, self.context_of(request, row), question, form)

    def context_of(self, request: HttpRequest, row: Model) -> dict[str, Any]:
        """What the frame around a page of ours wants to know."""
        return {**self.admin_site.each_context(request), "opts": self.opts, "back": self.address_of(row.pk)}

    def address_of(self, row_id: object) -> str:
        """Where a row's page is."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row_id])

    def back_to(self, request: HttpRequest, row: Model, sentence: str) -> HttpResponse:
        """Say what was done, on the row's page."""
        messages.success(request, sentence)
        return HttpResponseRedirect(self.address_of(row.pk))


def _lookups_of(item: Any) -> Iterator[str]:
    """The parameters of one entry of ``list_filter``: a filter of ours has one, a field those of Django's filters."""
    parameter = getattr(item, "parameter_name", None)
    if parameter is not None:
        yield parameter
        return
    field = item if isinstance(item, str) else item[0]
    yield from (f"{field}{lookup}" for lookup in FILTER_LOOKUPS)
