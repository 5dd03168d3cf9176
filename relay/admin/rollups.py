"""The pages of what was counted: traffic and handshakes by minute, hour and day, to read and search."""

from math import inf

from django.contrib import admin
from unfold.decorators import display

from relay.admin.filters import ClientFilter, GranularityFilter, TenantFilter
from relay.admin.whose import WHOSE, OwnedPages
from relay.models.rollups import HandshakeRollup, Rollup, TrafficRollup
from relay.telemetry.counters import HELD_BOUNDS_MS, held_quantile_ms
from tenants.admin.rendering import moment


class RollupPages(OwnedPages):
    """Base of the pages of all sums."""

    show_full_result_count = False  # counting millions of rows takes longer than finding some
    empty_hint = "What relay processes count appears here within ten seconds, if a worker and beat run."

    @display(description="From", ordering="started_at")
    def start(self, row: Rollup) -> str:
        """When the period begins."""
        return moment(row.started_at)


@admin.register(TrafficRollup)
class TrafficPages(RollupPages):
    """List and page of traffic."""

    list_display = ("start", "granularity", "message_count", "wait_count", *WHOSE, "channel_name", "direction")
    list_filter = (GranularityFilter, TenantFilter, ClientFilter, "started_at")
    search_fields = ("^client_id",)
    readonly_fields = (
        "start",
        "granularity",
        *WHOSE,
        "client_id",
        "channel_name",
        "direction",
        "message_count",
        "byte_count",
        "control_frames",
        "wait_count",
        "median",
        "most",
    )
    fields = readonly_fields

    @display(description="Messages", ordering="messages")
    def message_count(self, row: TrafficRollup) -> str:
        """How many went on."""
        return f"{row.messages:,}"

    @display(description="Bytes", ordering="bytes")
    def byte_count(self, row: TrafficRollup) -> str:
        """How many, with frame headers."""
        return f"{row.bytes:,}"

    @display(description="Held back first", ordering="waited")
    def wait_count(self, row: TrafficRollup) -> str:
        """How many messages waited."""
        return f"{row.waited:,}"

    @display(description="Half were held")
    def median(self, row: TrafficRollup) -> str:
        """The bound of the median's bucket."""
        return _held(row, 0.5)

    @display(description="99 of 100 were held")
    def most(self, row: TrafficRollup) -> str:
        """The bound of the 99th percentile's bucket."""
        return _held(row, 0.99)


@admin.register(HandshakeRollup)
class HandshakePages(RollupPages):
    """List and page of handshakes."""

    has_channel = False
    list_display = ("start", "granularity", "how_many", "result", *WHOSE)
    list_filter = (GranularityFilter, TenantFilter, ClientFilter, "started_at")
    search_fields = ("^client_id", "^result")
    readonly_fields = ("start", "granularity", *WHOSE, "client_id", "result", "how_many")
    fields = readonly_fields

    @display(description="Handshakes", ordering="count")
    def how_many(self, row: HandshakeRollup) -> str:
        """How many ended so."""
        return f"{row.count:,}"


def _held(row: TrafficRollup, quantile: float) -> str:
    bound_ms = held_quantile_ms(row.held, quantile)
    if bound_ms == inf:
        return f"longer than {HELD_BOUNDS_MS[-1]:,} ms"
    return f"up to {bound_ms:,} ms" if bound_ms else "nothing was held"
