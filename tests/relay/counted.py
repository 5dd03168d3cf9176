"""Records as relay processes make them, put on the stream without a relay; and what they were rolled up to."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from django.db.models import Sum

from relay.models.rollups import TrafficRollup
from relay.store import keys
from relay.store.pool import blocking
from relay.telemetry.counters import HELD_BOUNDS_MS
from relay.telemetry.records import FlowRecord, HandshakeRecord, TelemetryRecord
from relay.telemetry.throttles import ThrottleRecord

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
TENANT_ID = "a0000000-0000-4000-8000-000000000001"
BILLING, ORDERS = "c0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000002"  # ids of channels
WHOSE = (TENANT_ID, "crm-sync")
EPISODE = {
    "tenant_id": UUID(TENANT_ID),
    "client_id": "crm-sync",
    "channel_id": UUID(BILLING),
    "policy_id": "p1",
    "version": 3,
    "zone": "client",
    "began_at": NOON,
    "last_at": NOON + timedelta(seconds=75),
    "waited": 1500,
    "held_ms": 60_000,
    "longest_ms": 2_500,
    "zones": [
        {
            "policy_id": "p1",
            "version": 3,
            "zone": "client",
            "waited": 1500,
            "held_ms": 60_000,
            "refused": 0,
            "closed": 0,
            "longest_ms": 2_500,
        }
    ],
}


def flow(messages: int, *, waited: int = 0, channel_id: str = BILLING) -> FlowRecord:
    """So many messages of ten bytes; those that waited were held longest."""
    held = [messages - waited] + [0] * (len(HELD_BOUNDS_MS) - 1) + [waited]
    return FlowRecord(*WHOSE, channel_id, "to_platform", messages, 10 * messages, 0, waited, 0, held)


def record(
    sequence: int = 1,
    messages: int = 1,
    *,
    worker: str = "relay-1",
    ended_at: datetime = NOON,
    accepted: int = 0,
) -> TelemetryRecord:
    """A record of one flow, and of handshakes if any were accepted."""
    handshakes = [HandshakeRecord(*WHOSE, "accepted", accepted)] if accepted else []
    return TelemetryRecord(worker, sequence, ended_at.timestamp(), [flow(messages)], handshakes)


def throttled(
    began: float, last: float, *, worker: str = "relay-1", sequence: int = 1, **changes: object
) -> TelemetryRecord:
    """A record that tells what a zone did, from and to so many seconds after noon."""
    noon = NOON.timestamp()
    fields: dict[str, Any] = {"policy_id": "p1", "version": 3, "zone": "client"}
    fields |= {"waited": 10, "held_ms": 500, "refused": 0, "closed": 0, "longest_ms": 0}
    throttle = ThrottleRecord(*WHOSE, BILLING, began_at=noon + began, last_at=noon + last, **(fields | changes))
    return TelemetryRecord(worker, sequence, noon + last, [], [], [throttle])


def last_record(sequence: int) -> TelemetryRecord:
    """The record of a process that ends."""
    return msgspec.structs.replace(record(sequence), is_last=True)


def append(*records: TelemetryRecord, position: str = "*") -> list[str]:
    """Put records on the stream; answers their positions."""
    with blocking().pipeline(transaction=False) as pipeline:
        for one in records:
            pipeline.xadd(keys.telemetry(), {"record": msgspec.json.encode(one)}, id=position)
        return list(pipeline.execute())


def stream() -> list[str]:
    """The positions of all records on the stream."""
    entries = cast("list[tuple[str, dict[str, str]]]", blocking().xrange(keys.telemetry()))
    return [position for position, _ in entries]


def messages(granularity: str = "minute") -> int:
    """How many messages were rolled up, over all periods of one granularity."""
    return TrafficRollup.objects.filter(granularity=granularity).aggregate(total=Sum("messages"))["total"] or 0
