"""The admin's first page, and libraries' pages: jobs to look at, and away with those that go round our actions."""

from typing import Any

from auditlog.models import LogEntry
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django_celery_beat.models import PeriodicTask
from unfold.decorators import display

from controlplane.connection_trial import TriedConnectionPages
from tenants.admin.pages import ActionPages
from tenants.admin.rendering import moment
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import CredentialState
from tenants.models.policies import PolicyVersion
from tenants.models.tenants import Tenant
from tenants.refusals import refusals_of

LATEST = 8
NEEDED = {
    CredentialState.MISSING: "has no credential",
    CredentialState.BOUND_ELSEWHERE: "leads elsewhere since its credential was entered",
    CredentialState.UNREADABLE: "has a credential that no key opens",
}
WRONG = {  # of one credential among others
    CredentialState.BOUND_ELSEWHERE: "was entered for other hosts",
    CredentialState.UNREADABLE: "is opened by no key",
}
OURS = {"tenants", "relay", "auditlog"}

for model in [model for model in admin.site._registry if model._meta.app_label not in OURS]:  # noqa: SLF001 - Django has no other list
    admin.site.unregister(model)
admin.site.unregister(PlatformConnection)
admin.site.register(PlatformConnection, TriedConnectionPages)  # tenants' own page can't know the way to platforms

admin.site.index_title = "Overview"


@admin.register(PeriodicTask)
class JobPages(ActionPages):
    """List and page of jobs; when they run is said in the settings."""

    has_history = False
    list_display = ("name", "state", "runs", "last_run", "run_count")
    search_fields = ("name", "task")
    list_filter = ("enabled",)
    fields = readonly_fields = ("state", "runs", "last_run", "run_count", "code")
    empty_hint = "Jobs appear when beat was started for the first time."

    @display(description="State", label={"On": "success", "Off": "danger"}, ordering="enabled")
    def state(self, job: PeriodicTask) -> str:
        """On or off."""
        return "On" if job.enabled else "Off"

    @display(description="Runs")
    def runs(self, job: PeriodicTask) -> str:
        """How often."""
        return str(job.scheduler)

    @display(description="Ran last", ordering="last_run_at")
    def last_run(self, job: PeriodicTask) -> str:
        """When, or never."""
        return moment(job.last_run_at)

    @display(description="Times run", ordering="total_run_count")
    def run_count(self, job: PeriodicTask) -> str:
        """How many times so far."""
        return f"{job.total_run_count:,}"

    @display(description="Code", ordering="task")
    def code(self, job: PeriodicTask) -> str:
        """The function that runs."""
        return str(job.task)


def with_counts(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the dashboard's figures to the page's context."""
    return {**context, "cards": _cards(), "waiting": _waiting(), "entries": _latest()}


def _cards() -> list[dict[str, object]]:
    tenants, clients = Tenant.objects.all(), OAuthClient.objects.all()
    rows = (
        ("Tenants", "tenant", tenants, f"{tenants.filter(is_active=False).count()} suspended"),
        ("OAuth clients", "oauthclient", clients, f"{clients.filter(is_active=False).count()} disabled"),
        ("Channels", "channel", Channel.objects.all(), "names to connect to"),
        ("Policies in force", "throttlepolicy", PolicyVersion.objects.published(), "published versions"),
    )
    return [
        {"title": title, "count": queryset.count(), "note": note, "address": _list_of(model)}
        for title, model, queryset, note in rows
    ]


def _waiting() -> list[dict[str, str]]:
    """What somebody has to do, each with the page to do it on."""
    active = PlatformConnection.objects.filter(is_active=True)
    connections = active.select_related("tenant").prefetch_related("credentials")
    drafts = PolicyVersion.objects.filter(state=PolicyVersion.State.DRAFT).select_related("policy__tenant")
    needing = [
        (f"{connection.tenant}: {connection} {NEEDED[state]}, so none of its channels works.", connection)
        for connection in connections
        if (state := connection.credential_state) in NEEDED and len(connection.used_credentials) <= 1
    ]
    wrong = [
        (f"{connection.tenant}: {credential.full_name} {WRONG[state]}: no connection can log in with it.", credential)
        for connection in connections
        for credential in connection.used_credentials
        if (state := credential.state) in WRONG and len(connection.used_credentials) > 1
    ]
    used = {one: connection for connection in connections for one in connection.used_credentials}
    refused = [
        (f"{used[one].tenant}: the platform refuses {one.full_name}: {told}.", one)
        for one, told in refusals_of(used).items()
    ]
    begun = [(f"{draft.policy.tenant}: {draft} waits to be published.", draft) for draft in drafts]
    return [
        {"sentence": sentence, "address": reverse(f"admin:tenants_{type(row).__name__.lower()}_change", args=[row.pk])}
        for sentence, row in [*needing, *wrong, *refused, *begun]
    ]


def _latest() -> list[dict[str, object]]:
    entries = LogEntry.objects.select_related("actor", "content_type")[:LATEST]
    return [
        {
            "time": moment(entry.timestamp),
            "who": entry.actor or "a client itself",
            "event": str((entry.additional_data or {}).get("event", "")).replace("_", " "),
            "thing": f"{entry.content_type.name} {entry.object_repr}",
        }
        for entry in entries
    ]


def _list_of(model: str) -> str:
    return reverse(f"admin:tenants_{model}_changelist")
