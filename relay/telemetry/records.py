"""What a relay process says of one second: the form of a record."""

from typing import Annotated

import msgspec

from relay.models.processes import LONGEST_WORKER
from relay.telemetry.counters import HELD_BOUNDS_MS
from relay.telemetry.fields import (
    FORM,
    WITHOUT_NUL,
    ClientId,
    Count,
    Id,
    Name,
    UnixSeconds,
    refuse_half_owners,
)
from relay.telemetry.throttles import ThrottleRecord

Buckets = Annotated[list[Count], msgspec.Meta(min_length=len(HELD_BOUNDS_MS) + 1, max_length=len(HELD_BOUNDS_MS) + 1)]
Worker = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_WORKER, pattern=WITHOUT_NUL)]


class FlowRecord(msgspec.Struct, frozen=True, array_like=True):
    """What was counted in one flow since the record before. ``waiting`` is how many wait at its end."""

    tenant_id: Id
    client_id: ClientId
    channel_id: Id
    direction: Name
    messages: Count
    bytes: Count
    control_frames: Count
    waited: Count
    waiting: Count
    held: Buckets

    def __post_init__(self) -> None:
        """Refuse what is neither a client's nor nobody's."""
        refuse_half_owners(self.tenant_id, self.client_id)


class HandshakeRecord(msgspec.Struct, frozen=True, array_like=True):
    """How many handshakes of a client ended in one result."""

    tenant_id: Id
    client_id: ClientId
    result: Name
    count: Count

    def __post_init__(self) -> None:
        """Refuse what is neither a client's nor nobody's."""
        refuse_half_owners(self.tenant_id, self.client_id)


class TelemetryRecord(msgspec.Struct, frozen=True, tag_field="form", tag=FORM):
    """One record. Worker and sequence tell a record that was sent twice from two that are alike.

    Sequences count from 1, and a record is sent only when Redis has taken the one before. A second in which too much
    happened for one record makes several.
    """

    worker: Worker
    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    ended_at: UnixSeconds
    flows: list[FlowRecord]
    handshakes: list[HandshakeRecord]
    throttles: list[ThrottleRecord] = []
    is_last: bool = False  # the process ends


class FormOfRecord(msgspec.Struct, frozen=True):
    """The form of any record. The first did not say it; it named tenants by slugs, which others may have now."""

    form: int = 1


class RecordUnreadable(ValueError):
    """A record is of another form, or holds what no record can."""


def decode_record(encoded: str) -> TelemetryRecord:
    """Read a record.

    Raises:
        RecordUnreadable: with the reason.
    """
    try:
        form = msgspec.json.decode(encoded, type=FormOfRecord).form
        if form == FORM:
            return msgspec.json.decode(encoded, type=TelemetryRecord)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RecordUnreadable(str(error)) from error
    raise RecordUnreadable(f"its form is {form}, this worker reads form {FORM}")
