"""Adds up what integrations, relays and platforms say, client by client. Reads nothing itself: supervisor.py does."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from controlplane.demonstration.credentials import ClientCredentials
from controlplane.demonstration.scenario import CLIENTS, ClientPart, Limit
from relay.telemetry.counters import HELD_BOUNDS_MS, held_quantile_ms
from relay.telemetry.records import FlowRecord, TelemetryRecord

WINDOW_SECONDS = 10  # rates and held times are of the last ten seconds
SILENT_SECONDS = 3  # relay processes tell once a second
ACCEPTED = "accepted"
TO_PLATFORM = "to_platform"


@dataclass(frozen=True, slots=True)
class Row:
    """One client's figures at one time. Held times are bounds in milliseconds under which they lay."""

    name: str
    tenant: str
    platform: str
    pace: str
    has_traffic: bool
    floods: bool
    limit: Limit
    offered: int
    relayed: int
    waiting: int
    refused: int
    held_p50_ms: float
    held_p99_ms: float
    counted: int
    counted_per_second: float
    peak: int


class Relays(NamedTuple):
    """How many relay processes answer, and how many there shall be."""

    answering: int
    wanted: int


@dataclass(slots=True)
class ClientFigures:
    """What was heard of one client since the demo began."""

    client: ClientCredentials
    part: ClientPart
    limit: Limit
    relayed: int = 0
    refused: int = 0
    counted: int = 0
    peak: int = 0
    lost: int = 0  # on connections that broke: they had taken it, and no relay passed it on
    heard_at: float = 0.0  # up to when relays have told, in Unix seconds
    connected_at: float = 0.0
    sent_before: int = 0  # on former connections
    is_settled: bool = True  # what became of that is known
    offers: deque[tuple[float, int]] = field(default_factory=deque)
    held: deque[tuple[float, list[int]]] = field(default_factory=deque)
    samples: deque[tuple[float, int]] = field(default_factory=deque)

    def row(self, *, has_traffic: bool) -> Row:
        """The figures as they are shown."""
        held = [sum(bucket) for bucket in zip(*(counts for _, counts in self.held), strict=True)]
        held = held or [0] * (len(HELD_BOUNDS_MS) + 1)
        offered = max(self._offered(), self.relayed)  # what was relayed was offered, whoever says so first
        self._settle()
        return Row(
            name=self.client.name,
            tenant=self.client.tenant,
            platform=self.client.platform,
            pace=self.part.pace.words if has_traffic else "-",
            has_traffic=has_traffic,
            floods=self.part.floods,
            limit=self.limit,
            offered=offered,
            relayed=self.relayed,
            waiting=max(0, offered - self.relayed - self.lost),
            refused=self.refused,
            held_p50_ms=held_quantile_ms(held, 0.50),
            held_p99_ms=held_quantile_ms(held, 0.99),
            counted=self.counted,
            counted_per_second=self._counted_per_second(),
            peak=self.peak,
        )

    def add_flow(self, flow: FlowRecord, ended_at: float) -> None:
        """Add what one relay process passed on in one second."""
        self.relayed += flow.messages
        self.held.append((ended_at, flow.held))

    def add_report(self, told: Mapping[str, Any]) -> None:
        """Add what the integration says of itself."""
        self.offers.append((told["at"], told["offered"]))
        if told["connected_at"] > self.connected_at:
            self.connected_at, self.sent_before, self.is_settled = told["connected_at"], told["sent_before"], False

    def set_counted(self, counted: int, peak: int, now: float) -> None:
        """Take over what the platform counted by now."""
        self.counted, self.peak = counted, peak
        self.samples.append((now, counted))

    def forget_before(self, oldest: float) -> None:
        """Drop what lies outside the window, times in Unix seconds; one sample beyond it stays, to measure from."""
        while self.held and self.held[0][0] < oldest:
            self.held.popleft()
        for samples in (self.samples, self.offers):
            while len(samples) > 1 and samples[1][0] <= oldest:
                samples.popleft()

    def _settle(self) -> None:
        """Once relays have told of the time before this connection: what they did not pass on of it is lost."""
        if self.is_settled or self.heard_at <= self.connected_at:
            return
        since = sum(sum(counts) for ended_at, counts in self.held if ended_at > self.connected_at)
        self.lost = max(self.lost, self.sent_before - (self.relayed - since))
        self.is_settled = True

    def _offered(self) -> int:
        """What was offered up to when relays have told: their word comes a second late, and would seem to wait."""
        before = [sample for sample in self.offers if sample[0] <= self.heard_at]
        after = [sample for sample in self.offers if sample[0] > self.heard_at]
        if not (before and after):
            return before[-1][1] if before else 0
        (began, first), (ended, last) = before[-1], after[0]
        return first + round((last - first) * (self.heard_at - began) / (ended - began))

    def _counted_per_second(self) -> float:
        if len(self.samples) < 2:  # noqa: PLR2004 - a rate lies between two
            return 0.0
        (began, first), (ended, last) = self.samples[0], self.samples[-1]
        return max(0.0, (last - first) / (ended - began))


class Figures:
    """The figures of all clients of the demo."""

    def __init__(self, clients: Iterable[ClientCredentials], *, has_traffic: bool) -> None:
        """Begin at nothing."""
        self.has_traffic = has_traffic
        self.relays = Relays(0, 0)
        self._heard: dict[str, float] = {}
        self._by_id = {
            client.client_id: ClientFigures(
                client, CLIENTS[client.name], Limit(client.messages_per_second, client.burst, client.delay)
            )
            for client in clients
        }

    def rows(self) -> list[Row]:
        """All clients in the order of credentials.json."""
        return [figures.row(has_traffic=self.has_traffic) for figures in self._by_id.values()]

    def add_report(self, encoded: bytes) -> None:
        """Take over how much the integrations wanted to send, as traffic.py prints it."""
        for told in msgspec.json.decode(encoded):
            self._by_id[told["client_id"]].add_report(told)

    def add_record(self, encoded: str) -> None:
        """Add what one relay process counted in one second, as it stands in the stream."""
        record = msgspec.json.decode(encoded, type=TelemetryRecord)
        heard_at = self._all_heard_at(record)
        for figures in self._by_id.values():
            figures.heard_at = max(figures.heard_at, heard_at)
        for flow in record.flows:
            if flow.direction == TO_PLATFORM and flow.client_id in self._by_id:
                self._by_id[flow.client_id].add_flow(flow, record.ended_at)
        for handshake in record.handshakes:
            if handshake.result != ACCEPTED and handshake.client_id in self._by_id:
                self._by_id[handshake.client_id].refused += handshake.count

    def _all_heard_at(self, record: TelemetryRecord) -> float:
        """Up to when all relay processes have told. Who fell silent has ended, and is not waited for."""
        self._heard[record.worker] = record.ended_at
        oldest = max(self._heard.values()) - SILENT_SECONDS
        self._heard = {worker: told_at for worker, told_at in self._heard.items() if told_at > oldest}
        return min(self._heard.values())

    def set_stats(self, stats: Mapping[str, Any], now: float) -> None:
        """Take over the platforms' own books at ``now``, in Unix seconds."""
        for figures in self._by_id.values():
            channel = stats["by_channel"].get(figures.client.channel, {})
            figures.set_counted(channel.get("messages", 0), channel.get("peak_sliding_second", 0), now)
            figures.forget_before(now - WINDOW_SECONDS)

    def set_limits(self, limits: Mapping[str, Limit]) -> None:
        """Take over the limits in force, by the client's id."""
        for client_id, limit in limits.items():
            if client_id in self._by_id:
                self._by_id[client_id].limit = limit
