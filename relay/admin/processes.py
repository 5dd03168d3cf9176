"""The pages of relay processes, and of the gaps where their records are missing."""

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from relay.models.processes import Gap, RelayProcess
from tenants.admin.pages import ActionPages
from tenants.admin.rendering import moment

STATE_LABELS = {"Running": "success", "Ended": "default", "Ended without its last record": "danger"}


@admin.register(RelayProcess)
class RelayProcessPages(ActionPages):
    """List and page of relay processes."""

    has_history = False
    list_display = ("worker", "state", "records", "last_made", "last_counted")
    list_filter = ("has_ended", "heard_at")
    search_fields = ("worker",)
    readonly_fields = ("worker", "state", "records", "last_made", "last_counted")
    fields = readonly_fields
    empty_hint = "A relay process appears when its first record was rolled up, if a worker and beat run."

    def get_queryset(self, request: HttpRequest) -> QuerySet[RelayProcess]:
        """With whether each was taken for killed."""
        gaps = Gap.objects.filter(process=OuterRef("pk"), reason=Gap.Reason.NO_LAST_RECORD)
        return RelayProcess.objects.annotate(is_killed_=Exists(gaps))

    @display(description="State", label=STATE_LABELS)
    def state(self, process: RelayProcess) -> str:
        """Running, ended, or silent without having said that it ends."""
        if getattr(process, "is_killed_", False):
            return "Ended without its last record"
        return "Ended" if process.has_ended else "Running"

    @display(description="Records", ordering="last_sequence")
    def records(self, process: RelayProcess) -> str:
        """How many it made that are known of."""
        return f"{process.last_sequence:,}"

    @display(description="Last one made", ordering="last_ended_at")
    def last_made(self, process: RelayProcess) -> str:
        """When, by its own clock."""
        return moment(process.last_ended_at)

    @display(description="Last one rolled up", ordering="heard_at")
    def last_counted(self, process: RelayProcess) -> str:
        """When."""
        return moment(process.heard_at)


@admin.register(Gap)
class GapPages(ActionPages):
    """List and page of gaps."""

    has_history = False
    list_display = ("process", "reason", "start", "end", "how_many")
    list_select_related = ("process",)
    list_filter = ("reason", "started_at")
    search_fields = ("process__worker",)
    readonly_fields = ("process", "reason", "after_sequence", "start", "end", "how_many")
    fields = readonly_fields
    empty_hint = "None: all that relay processes counted was rolled up."

    @display(description="After", ordering="started_at", empty_value="its beginning")
    def start(self, gap: Gap) -> str | None:
        """When the record before it was made."""
        return moment(gap.started_at) if gap.started_at else None

    @display(description="Until", ordering="ended_at", empty_value="its end")
    def end(self, gap: Gap) -> str | None:
        """When the record after it was made."""
        return moment(gap.ended_at) if gap.ended_at else None

    @display(description="Records missing", ordering="missing", empty_value="its last")
    def how_many(self, gap: Gap) -> str | None:
        """How many records."""
        return f"{gap.missing:,}" if gap.missing else None
