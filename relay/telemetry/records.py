"""What a relay process says of one second: the form of a record, and how it is made from counters that only grow."""

import msgspec

from relay.telemetry.counters import Counters, Flow, TrafficCounter


class FlowRecord(msgspec.Struct, frozen=True, array_like=True):
    """What was counted in one flow since the record before. ``waiting`` is how many wait at its end."""

    tenant: str
    client: str
    channel: str
    direction: str
    messages: int
    bytes: int
    control_frames: int
    waited: int
    waiting: int
    held: list[int]


class HandshakeRecord(msgspec.Struct, frozen=True, array_like=True):
    """How many handshakes of a client ended in one result."""

    tenant: str
    client: str
    result: str
    count: int


class TelemetryRecord(msgspec.Struct, frozen=True):
    """One record. Worker and sequence tell a record that was sent twice from two that are alike."""

    worker: str
    sequence: int
    ended_at: float  # Unix seconds
    flows: list[FlowRecord]
    handshakes: list[HandshakeRecord]


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
        return total
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
