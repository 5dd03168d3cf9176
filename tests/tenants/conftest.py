import pytest
from auditlog.models import LogEntry


@pytest.fixture
def audit_entries():
    """The audit log in order, or of it one kind of event."""

    def read(event=None):
        entries = LogEntry.objects.order_by("pk")
        return [entry for entry in entries if event in (None, entry.additional_data["event"])]

    return read
