"""What a relay process says of one second: the form of a record, and how it is made from counters that only grow."""

from typing import Annotated

import msgspec

from relay.models.processes import LONGEST_WORKER
from relay.telemetry.counters import HELD_BOUNDS_MS, Counters, Flow, TrafficCounter
from relay.telemetry.fields import Count, Name, UnixSeconds
from relay.telemetry.throttles import ThrottleRecord

Buckets = Annotated[list[Count], msgspec.Meta(min_length=len(HELD_BOUNDS_MS) + 1, max_length=len(HELD_BOUNDS_MS) + 1)]


class FlowRecord(msgspec.Struct, frozen=True, array_like=True):
    """What was counted in one flow since the record before. ``waiting`` is how many wait at its end."""

    tenant: Name
    client: Name
    channel: Name
    direction: Name
    messages: Count
    bytes: Count
    control_frames: Count
    waited: Count
    waiting: Count
    held: Buckets


class HandshakeRecord(msgspec.Struct, frozen=True, array_like=True):
    """How many handshakes of a client ended in one result."""

    tenant: Name
    client: Name
    result: Name
    count: Count


class TelemetryRecord(msgspec.Struct, frozen=True):
    """One record. Worker and sequence tell a record that was sent twice from two that are alike.

    Sequences count from 1, and a record is sent only when Redis has taken the one before.
    """

    worker: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_WORKER)]
    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    ended_at: UnixSeconds
    flows: list[FlowRecord]
    handshakes: list[HandshakeRecord]
    throttles: list[ThrottleRecord] = []
    is_last: bool = False  # the process ends


class Differences:
    """Remembers what was told, and tells what came since."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._flows: dict[Flow, FlowRecord] = {}
        self._handshakes: dict[tuple[str, str, str], int] = {}

    def take(self, counters: Counters) -> tuple[list[FlowRecord], list[HandshakeRecord]]:
        """What was counted since the last call; flows and results without any change are left out."""
        flows = []
        for flow, counter in counters.traffic.items():
            total = _total(flow, counter)
            change = _change(total, self._flows.get(flow))
            if change is not None:
                flows.append(change)
                self._flows[flow] = total
        handshakes = []
        for key, count in counters.handshakes.items():
            grown = count - self._handshakes.get(key, 0)
            if grown:
                handshakes.append(HandshakeRecord(*key, grown))
                self._handshakes[key] = count
        return flows, handshakes


def _total(flow: Flow, counter: TrafficCounter) -> FlowRecord:
    return FlowRecord(
        *flow,
        counter.messages,
        counter.bytes,
        counter.control_frames,
        counter.waited,
        counter.waiting,
        counter.held,
    )


def _change(total: FlowRecord, told: FlowRecord | None) -> FlowRecord | None:
    if told is None:
        # A direction in which nothing ever goes has no rows.
        return total if total.messages or total.bytes or total.waiting else None
    if told == total:
        return None
    return FlowRecord(
        total.tenant,
        total.client,
        total.channel,
        total.direction,
        total.messages - told.messages,
        total.bytes - told.bytes,
        total.control_frames - told.control_frames,
        total.waited - told.waited,
        total.waiting,
        [now - before for now, before in zip(total.held, told.held, strict=True)],
    )
