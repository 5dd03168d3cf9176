"""The admin's pages of libraries: jobs to look at, and away with those that would go round our actions."""

from django.contrib import admin
from django_celery_beat.models import PeriodicTask

from tenants.admin.pages import ActionPages

OURS = {"tenants", "auditlog"}

for model in [model for model in admin.site._registry if model._meta.app_label not in OURS]:  # noqa: SLF001 - Django has no other list
    admin.site.unregister(model)


admin.site.index_title = "Overview"


@admin.register(PeriodicTask)
class JobPages(ActionPages):
    """List and page of jobs; when they run is said in the settings."""

    list_display = ("name", "task", "enabled", "scheduler", "last_run_at", "total_run_count")
    search_fields = ("name", "task")
    list_filter = ("enabled",)
    fields = ("name", "task", "enabled", "scheduler", "last_run_at", "total_run_count")
    empty_hint = "Jobs appear when beat was started for the first time."
