"""The page that Prometheus reads, made from the counters when it is asked for."""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import django
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    Sample,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from relay.telemetry.counters import (
    HELD_BOUNDS_MS,
    Counters,
    Names,
    PlatformFaults,
    ThrottleCounter,
    ThrottleTotals,
    TrafficCounter,
    ZoneLabel,
)
from relay.telemetry.defects import defects
from relay.throttle.verdict import Action

CONTENT_TYPE = CONTENT_TYPE_LATEST
FLOW_LABELS = ("tenant_id", "client_id", "channel_id", "direction")
SLICE = 32  # flows: 16 lines each in the histogram
SUFFIXED = {"counter": ("_total", "counter"), "info": ("_info", "gauge")}  # in the text format, not in the model
Item = TypeVar("Item")
HELD_LABELS = tuple(str(bound_ms / 1000) for bound_ms in HELD_BOUNDS_MS)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """How the process itself is."""

    loop_lag_seconds: float
    memory_bytes: int
    is_draining: bool
    log_lines_dropped: int
    redis_up: bool
    relay_processes: int
    lease_round_trips: int
    tenants_alone: int
    generations_lost: int
    fullness: Mapping[tuple[str, str, str, int], float]
    defects: Mapping[str, int] = field(default_factory=defects)


def metrics_parts(counters: Counters, state: ProcessState) -> Iterator[bytes]:
    """All metrics of this process in Prometheus' text format, in parts of a few milliseconds' work at the most.

    A process with 10,000 flows has 200,000 lines to write: whoever asks for the parts lets others on in between.
    """
    shown = ""
    for family in CounterCollector(counters, state).collect():
        lines = [] if family.name == shown else list(_head(family))
        lines += map(_line, family.samples)
        shown = family.name
        yield "".join(lines).encode()


class CounterCollector:
    """Shows counters as metrics. A family with many samples comes in slices, one after the other."""

    def __init__(self, counters: Counters, state: ProcessState) -> None:
        """Show what is counted, and how the process is, as of now."""
        self._counters = counters
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family, or a slice of it."""
        yield InfoMetricFamily(
            "floodgate_build", "Versions.", {"python": platform.python_version(), "django": django.get_version()}
        )
        lag = "The longest time for which the event loop was late since the process began."
        yield GaugeMetricFamily("floodgate_loop_lag_seconds", lag, self._state.loop_lag_seconds)
        yield GaugeMetricFamily("floodgate_memory_bytes", "Memory of the process.", self._state.memory_bytes)
        yield GaugeMetricFamily("floodgate_draining", "1 while the process drains.", self._state.is_draining)
        dropped = "Log lines that found no room, or were lost."
        yield CounterMetricFamily("floodgate_log_lines_dropped", dropped, self._state.log_lines_dropped)
        yield from self._sharing_metrics()
        yield from _name_metrics(self._counters.names)
        yield from self._flow_metrics()
        yield from self._throttle_metrics()
        yield from _platform_metrics(self._counters.platform_faults)
        yield from self._client_metrics()
        closes = CounterMetricFamily("floodgate_closes", "Connections that Floodgate closed.", labels=("side", "code"))
        for (side, code), count in self._counters.closes.items():
            closes.add_metric((side, str(int(code))), count)
        yield closes
        aborted = "Connections that were torn down because an endpoint did not end them."
        yield CounterMetricFamily("floodgate_aborted", aborted, self._counters.aborted)
        never = CounterMetricFamily("floodgate_defects", "What should never happen.", labels=("where",))
        for where, count in self._state.defects.items():
            never.add_metric((where,), count)
        yield never

    def _sharing_metrics(self) -> Iterator[Metric]:
        state = self._state
        up = "1 while Redis answers; 0 while the circuit breaker is open."
        yield GaugeMetricFamily("floodgate_redis_up", up, state.redis_up)
        yield GaugeMetricFamily("floodgate_relay_processes", "Relay processes that are alive.", state.relay_processes)
        trips = "Calls for permits of shared limits that Redis answered."
        yield CounterMetricFamily("floodgate_lease_round_trips", trips, state.lease_round_trips)
        alone = "Tenants whose shared limits go on without Redis here."
        yield GaugeMetricFamily("floodgate_tenants_alone", alone, state.tenants_alone)
        lost = "How often Redis had forgotten what it had granted."
        yield CounterMetricFamily("floodgate_store_generations_lost", lost, state.generations_lost)
        full = "What all relay processes admitted of what shared zones allow, of the fullest; above 1 is an overshoot."
        labels = ("tenant_id", "scope", "zone", "window_seconds")
        admitted = GaugeMetricFamily("floodgate_shared_zone_admitted_ratio", full, labels=labels)
        for (tenant_id, scope, zone, seconds), ratio in state.fullness.items():
            admitted.add_metric((tenant_id, scope, zone, str(seconds)), ratio)
        yield admitted

    def _client_metrics(self) -> Iterator[Metric]:
        labels = ("tenant_id", "client_id")
        for connected in _slices(self._counters.open_connections.items()):
            connections = GaugeMetricFamily("floodgate_connections", "Open connections.", labels=labels)
            for key, count in connected:
                connections.add_metric(key, count)
            yield connections
        for answered in _slices(self._counters.handshakes.items()):
            words = "Handshakes by result."
            handshakes = CounterMetricFamily("floodgate_handshakes", words, labels=(*labels, "result"))
            for handshake, count in answered:
                handshakes.add_metric(handshake, count)
            yield handshakes

    def _throttle_metrics(self) -> Iterator[Metric]:
        """Versions of one policy are added up: a label for each would never end."""
        sums: Counter[tuple[str, ...]] = Counter()
        held = list(self._counters.throttles.items())  # none is evicted as long as it stands here: it would be missing
        for evicted in _slices(self._counters.evicted_throttles.items()):
            for label, (totals, _) in evicted:
                _add(sums, label, totals)
            yield _throttled()
        for counted in _slices(held):
            for key, counter in counted:
                _add(sums, key.label, counter)
            yield _throttled()
        for added_up in _slices(sums.items()):
            throttled = _throttled()
            for values, count in added_up:
                throttled.add_metric(values, count)
            yield throttled

    def _flow_metrics(self) -> Iterator[Metric]:
        flows = list(_slices(self._counters.traffic.items()))
        for begin, figure in FLOW_FIGURES:
            for counted in flows:
                family = begin()
                for flow, counter in counted:
                    family.add_metric(flow, figure(counter))
                yield family
        for counted in flows:
            words = "How long messages were held."
            held = HistogramMetricFamily("floodgate_held_seconds", words, labels=FLOW_LABELS)
            for flow, counter in counted:
                held.add_metric(flow, _buckets(counter), None)
            yield held


FLOW_FIGURES: tuple[
    tuple[Callable[[], CounterMetricFamily | GaugeMetricFamily], Callable[[TrafficCounter], int]], ...
] = (
    (
        lambda: CounterMetricFamily("floodgate_messages", "Messages relayed.", labels=FLOW_LABELS),
        lambda counter: counter.messages,
    ),
    (
        lambda: CounterMetricFamily("floodgate_bytes", "Bytes relayed, with frame headers.", labels=FLOW_LABELS),
        lambda counter: counter.bytes,
    ),
    (
        lambda: CounterMetricFamily("floodgate_control_frames", "Pings and pongs.", labels=FLOW_LABELS),
        lambda counter: counter.control_frames,
    ),
    (
        lambda: CounterMetricFamily("floodgate_waited_messages", "Messages held back first.", labels=FLOW_LABELS),
        lambda counter: counter.waited,
    ),
    (
        lambda: GaugeMetricFamily("floodgate_waiting_messages", "Messages held back now.", labels=FLOW_LABELS),
        lambda counter: counter.waiting,
    ),
    (
        lambda: CounterMetricFamily("floodgate_dropped_bytes", "Bytes whose way was gone.", labels=FLOW_LABELS),
        lambda counter: counter.dropped_bytes,
    ),
)


def _add(sums: Counter[tuple[str, ...]], label: ZoneLabel, counted: ThrottleCounter | ThrottleTotals) -> None:
    sums[*label, Action.WAIT.name.lower()] += counted.waited
    sums[*label, Action.REJECT.name.lower()] += counted.refused
    sums[*label, Action.CLOSE.name.lower()] += counted.closed


def _throttled() -> CounterMetricFamily:
    words = "What zones held back, refused and closed."
    return CounterMetricFamily("floodgate_throttled", words, labels=(*FLOW_LABELS[:3], "zone", "action"))


def _name_metrics(names: Names) -> Iterator[Metric]:
    """Names stand apart: a series keeps its ids when something is renamed, and two that had one name stay two."""
    words = "Always 1: what it is called."
    for named in _slices(names.tenants.items()):
        yield _info(GaugeMetricFamily("floodgate_tenant_info", words, labels=("tenant_id", "tenant")), named)
    for named in _slices(names.clients.items()):
        yield _info(GaugeMetricFamily("floodgate_client_info", words, labels=("client_id", "client")), named)
    for named in _slices(names.channels.items()):
        yield _info(GaugeMetricFamily("floodgate_channel_info", words, labels=("channel_id", "channel")), named)


def _info(family: GaugeMetricFamily, named: list[tuple[str, str]]) -> Metric:
    for identity in named:
        family.add_metric(identity, 1)
    return family


def _platform_metrics(faults: PlatformFaults) -> Iterator[Metric]:
    dns = CounterMetricFamily("floodgate_dns_failures", "Lookups without an address to use.", labels=("reason",))
    tls = CounterMetricFamily("floodgate_upstream_tls_errors", "TLS handshakes that failed.", labels=("reason",))
    timeouts = CounterMetricFamily("floodgate_upstream_timeouts", "Platforms not waited for.", labels=("phase",))
    protocol = CounterMetricFamily("floodgate_upstream_protocol_errors", "What made no sense.", labels=("phase",))
    counted = (faults.dns_failures, faults.tls_errors, faults.timeouts, faults.protocol_errors)
    for family, counts in zip((dns, tls, timeouts, protocol), counted, strict=True):
        for word, count in counts.items():
            family.add_metric((word,), count)
        yield family


def _buckets(counter: TrafficCounter) -> list[tuple[str, float]]:
    buckets, seen = [], 0
    for bound, count in zip((*HELD_LABELS, "+Inf"), counter.held, strict=True):
        seen += count
        buckets.append((bound, float(seen)))
    return buckets


def _slices(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Few of them at a time, as they were when the first slice was asked for. One empty slice where there are none."""
    all_items = list(items)
    for first in range(0, max(1, len(all_items)), SLICE):
        yield all_items[first : first + SLICE]


def _head(family: Metric) -> Iterator[str]:
    name, kind = family.name, family.type
    if kind in SUFFIXED:
        name, kind = f"{name}{SUFFIXED[kind][0]}", SUFFIXED[kind][1]
    yield f"# HELP {name} {family.documentation}\n# TYPE {name} {kind}\n"


def _line(sample: Sample) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in sorted(sample.labels.items())]
    return (
        f"{sample.name}{{{','.join(pairs)}}} {float(sample.value)}\n"
        if pairs
        else f"{sample.name} {float(sample.value)}\n"
    )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
