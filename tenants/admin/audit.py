"""The pages of the audit log: to read and search, never to change."""

from datetime import datetime
from typing import Any

from auditlog.models import LogEntry
from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from tenants.admin.pages import ActionPages
from tenants.admin.rendering import moment
from tenants.models.clients import EVER

WORDS = {"": "none", "True": "yes", "False": "no"}

admin.site.unregister(LogEntry)


@admin.register(LogEntry)
class AuditPages(ActionPages):
    """List and page of entries."""

    has_history = False
    list_display = ("time", "who", "event", "thing", "what_changed", "why")
    list_select_related = ("actor", "content_type")
    list_filter = ("timestamp", "action", "content_type", "actor")
    search_fields = ("object_repr", "actor__username", "object_pk")
    readonly_fields = ("time", "who", "event", "thing", "what_changed", "why", "id_of_thing")
    fields = readonly_fields
    empty_hint = "Each change of control data is written down here, with who did it, and old and new values."

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """The history button of each page asks for one row's entries."""
        return lookup == "object_pk__exact" or super().lookup_allowed(lookup, value, request)

    @display(description="When", ordering="timestamp")
    def time(self, entry: LogEntry) -> str:
        """To the second, with its zone."""
        return moment(entry.timestamp)

    @display(description="Who", ordering="actor__username")
    def who(self, entry: LogEntry) -> str:
        """The person, or that a client did it itself."""
        return str(entry.actor) if entry.actor else "a client itself"

    @display(description="What happened")
    def event(self, entry: LogEntry) -> str:
        """The event in words."""
        return str(_additional(entry).get("event", "")).replace("_", " ")

    @display(description="To what", ordering="object_repr")
    def thing(self, entry: LogEntry) -> str:
        """Kind and name."""
        return f"{entry.content_type.name} {entry.object_repr}"

    @display(description="Old and new")
    def what_changed(self, entry: LogEntry) -> str:
        """Each field with both values."""
        pairs: dict[str, list[str]] = entry.changes or {}
        return "; ".join(
            f"{field.removeprefix('is_').replace('_', ' ')}: {_in_words(old)} → {_in_words(new)}"
            for field, (old, new) in pairs.items()
        )

    @display(description="Why", empty_value="–")
    def why(self, entry: LogEntry) -> str:
        """The reason, where somebody gave one."""
        return str(_additional(entry).get("reason", ""))

    @display(description="Its id")
    def id_of_thing(self, entry: LogEntry) -> str:
        """For programs; it finds all entries of the thing."""
        return entry.object_pk


def _in_words(value: str) -> str:
    """A value as the log keeps it, for people."""
    if value in WORDS:
        return WORDS[value]
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return "never" if time == EVER else moment(time)


def _additional(entry: LogEntry) -> dict[str, Any]:
    return entry.additional_data or {}
