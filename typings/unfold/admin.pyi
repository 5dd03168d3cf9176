from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

# Django's are generic to type checkers only, so a class that names its row would not start.
class ModelAdmin(admin.ModelAdmin[Any]):
    actions_list: Sequence[str]
    actions_row: Sequence[str]
    actions_detail: Sequence[str]
    actions_submit_line: Sequence[str]
    compressed_fields: bool
    warn_unsaved_form: bool
    list_filter_submit: bool
    list_fullwidth: bool
    list_disable_select_all: bool
    change_form_before_template: str | None
    change_form_after_template: str | None
    change_form_outer_before_template: str | None
    change_form_outer_after_template: str | None
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse: ...
    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]: ...

class StackedInline(admin.StackedInline[Any, Any]):
    tab: bool
    collapsible: bool
    hide_title: bool

class TabularInline(admin.TabularInline[Any, Any]):
    tab: bool
    hide_title: bool
