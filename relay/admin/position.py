"""The page that tells how far records were rolled up."""

from django.contrib import admin
from unfold.decorators import display

from relay.models.position import StreamPosition
from relay.store.pool import StoreUnavailable
from relay.telemetry.lag import rollup_lag_seconds
from tenants.admin.pages import ActionPages
from tenants.admin.rendering import moment


@admin.register(StreamPosition)
class PositionPages(ActionPages):
    """List and page of the one row."""

    has_history = False
    list_display = ("position", "up_to", "when", "behind", "anew")
    readonly_fields = ("position", "up_to", "when", "behind", "anew")
    fields = readonly_fields
    empty_hint = "It appears when records were rolled up for the first time, if a worker and beat run."

    @display(description="Rolled up to")
    def up_to(self, row: StreamPosition) -> str:
        """When the last record was made, by the clock of its relay process."""
        return moment(row.last_ended_at)

    @display(description="Rolled up at")
    def when(self, row: StreamPosition) -> str:
        """When that was done."""
        return moment(row.rolled_up_at)

    @display(description="Behind by")
    def behind(self, _row: StreamPosition) -> str:
        """For how long the oldest record has been waiting."""
        try:
            return f"{rollup_lag_seconds():,.0f} s"
        except StoreUnavailable:
            return "unknown: Redis does not answer"

    @display(description="Redis had lost its place")
    def anew(self, row: StreamPosition) -> str:
        """When the stream was last read from its beginning."""
        return moment(row.began_anew_at)
