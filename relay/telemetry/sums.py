"""Adds records up by minute, hour and day, and the sums to those in the database."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from relay.models.rollups import Granularity, HandshakeRollup, Rollup, TrafficRollup
from relay.telemetry.counters import HELD_BOUNDS_MS
from relay.telemetry.fields import uuid_of
from relay.telemetry.records import FlowRecord, HandshakeRecord, TelemetryRecord

SECONDS = {Granularity.MINUTE: 60, Granularity.HOUR: 3600, Granularity.DAY: 86_400}
ROWS_A_STATEMENT = 1000
Key = tuple[object, ...]
Row = TypeVar("Row", bound=Rollup)


class Sums:
    """What a batch of records adds up to. A record counts in the periods in which it was made."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._traffic: dict[Key, TrafficRollup] = {}
        self._handshakes: dict[Key, HandshakeRollup] = {}

    def add(self, record: TelemetryRecord) -> None:
        """Add all that the record tells."""
        for granularity, started_at in periods_at(record.ended_at):
            for flow in record.flows:
                self._add_flow(flow, granularity, started_at)
            for handshake in record.handshakes:
                self._add_handshake(handshake, granularity, started_at)

    def _add_flow(self, flow: FlowRecord, granularity: Granularity, started_at: datetime) -> None:
        owner = uuid_of(flow.tenant_id), flow.client_id
        key = granularity, started_at, *owner, uuid_of(flow.channel_id), flow.direction
        row = self._traffic.get(key)
        if row is None:
            nothing = [0] * (len(HELD_BOUNDS_MS) + 1)
            row = self._traffic[key] = TrafficRollup(**dict(zip(TrafficRollup.KEY, key, strict=True)), held=nothing)
        _add_traffic(row, flow)

    def _add_handshake(self, handshake: HandshakeRecord, granularity: Granularity, started_at: datetime) -> None:
        key = granularity, started_at, uuid_of(handshake.tenant_id), handshake.client_id, handshake.result
        row = self._handshakes.get(key)
        if row is None:
            row = self._handshakes[key] = HandshakeRollup(**dict(zip(HandshakeRollup.KEY, key, strict=True)))
        row.count += handshake.count

    def store(self) -> None:
        """Add the sums to the database's. Nobody else may do so at the same time: it reads them first."""
        for stored in _stored(TrafficRollup, self._traffic):
            _add_traffic(self._traffic[stored.key], stored)
        for counted in _stored(HandshakeRollup, self._handshakes):
            self._handshakes[counted.key].count += counted.count
        _write(TrafficRollup, self._traffic)
        _write(HandshakeRollup, self._handshakes)


def periods_at(unix_seconds: float) -> Iterator[tuple[Granularity, datetime]]:
    """The minute, hour and day of a time, in UTC, each by its start."""
    for granularity, seconds in SECONDS.items():
        yield granularity, datetime.fromtimestamp(unix_seconds // seconds * seconds, UTC)


def _add_traffic(row: TrafficRollup, counted: FlowRecord | TrafficRollup) -> None:
    row.messages += counted.messages
    row.bytes += counted.bytes
    row.control_frames += counted.control_frames
    row.waited += counted.waited
    row.held = [before + more for before, more in zip(row.held, counted.held, strict=True)]


def _stored(model: type[Row], sums: Mapping[Key, Row]) -> Iterator[Row]:
    """The rows that the database has of those of ``sums``."""
    started = {row.started_at for row in sums.values()}
    tenants = {row.tenant_id for row in sums.values()}
    found = model._default_manager.filter(started_at__in=started, tenant_id__in=tenants)  # noqa: SLF001 - Django documents it
    return (row for row in found.iterator() if row.key in sums)


def _write(model: type[Row], sums: Mapping[Key, Row]) -> None:
    model._default_manager.bulk_create(  # noqa: SLF001 - Django documents it
        sums.values(),
        batch_size=ROWS_A_STATEMENT,
        update_conflicts=True,
        unique_fields=model.KEY,
        update_fields=model.SUMS,
    )
