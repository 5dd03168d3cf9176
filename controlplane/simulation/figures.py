"""Adds up what became of the events of a simulated trace: by kind, by client, by zone."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil

from controlplane.simulation.timeline import Timeline
from relay.simulation.events import Event, Kind, Outcome, Result, counted_as
from relay.throttle.policy import SECOND_NS, Counted, Direction, PolicySnapshot, ZoneSource

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(slots=True)
class Tally:
    """What became of some of the events, and how long each of those waited that did."""

    counts: Counter[Result] = field(default_factory=Counter)
    waits_ns: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.counts[outcome.result] += 1
        if outcome.result is Result.WAITED:
            self.waits_ns.append(outcome.wait_ns)

    def wait_seconds(self) -> dict[str, float] | None:
        """Quantiles of the waits (nearest rank); none where nothing waited."""
        waits = sorted(self.waits_ns)
        if not waits:
            return None
        return {name: waits[ceil(part * len(waits)) - 1] / SECOND_NS for name, part in QUANTILES.items()}

    def as_json(self) -> dict[str, object]:
        """Counts by result, and the waits."""
        return {result.value: self.counts[result] for result in Result} | {"wait_seconds": self.wait_seconds()}


@dataclass(slots=True)
class Figures:
    """All that is told of one run. Clients and zones are in the order of their first event, and of the policies."""

    policies: tuple[PolicySnapshot, ...]
    kinds: dict[Kind, Tally] = field(default_factory=dict)
    clients: dict[str, Tally] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    began_ns: int = 0
    ended_ns: int = 0
    _by_zone: dict[ZoneSource, Tally] = field(default_factory=dict)
    _went_on: Counter[tuple[Counted, Direction]] = field(default_factory=Counter)
    _waited: Counter[tuple[ZoneSource, Counted]] = field(default_factory=Counter)

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events; when the first of them came is the beginning."""
        for event in events:
            self.began_ns = self.began_ns or event.at_ns
            yield event

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        event = outcome.event
        self.ended_ns = max(self.ended_ns, outcome.decided_ns)
        self.kinds.setdefault(event.kind, Tally()).add(outcome)
        self.clients.setdefault(event.connection.client, Tally()).add(outcome)
        self.timeline.add(outcome.decided_ns - self.began_ns, outcome.result)
        if outcome.zone is not None:
            self._by_zone.setdefault(outcome.zone, Tally()).add(outcome)
            if outcome.result is Result.WAITED:
                self._waited.update((outcome.zone, counted) for counted in counted_as(event))
        if outcome.result in (Result.PASSED, Result.WAITED):
            self._went_on.update((counted, _direction(event)) for counted in counted_as(event))

    def zones(self) -> list[tuple[ZoneSource, Tally]]:
        """What each zone did. What it counted, and did not hold back, has passed it."""
        rows = []
        for policy in self.policies:
            for zone in policy.zones:
                source = ZoneSource(policy.policy_id, policy.version, zone.name)
                tally = self._by_zone.get(source, Tally())
                went_on = self._went_on[zone.counted, zone.direction]
                tally.counts[Result.PASSED] = went_on - self._waited[source, zone.counted]
                rows.append((source, tally))
        return rows

    def as_json(self) -> dict[str, object]:
        """The object that ``--json`` prints: docs/reference/commands.md explains it."""
        return {
            "events": sum(tally.counts.total() for tally in self.kinds.values()),
            "seconds": (self.ended_ns - self.began_ns) / SECOND_NS,
            "kinds": {kind.value: tally.as_json() for kind, tally in self.kinds.items()},
            "clients": {client: tally.as_json() for client, tally in self.clients.items()},
            "zones": [
                {"policy": source.policy_id, "version": source.version, "zone": source.zone} | tally.as_json()
                for source, tally in self.zones()
            ],
            "timeline": self.timeline.as_json(),
        }


def _direction(event: Event) -> Direction:
    """Which way it flows; handshakes and requests flow to the platform, whatever the trace says."""
    is_directed = event.kind not in (Kind.HANDSHAKE, Kind.REQUEST)
    return event.direction if is_directed else Direction.TO_PLATFORM
