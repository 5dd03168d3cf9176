"""The page that Prometheus reads, made from the counters when it is asked for."""

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import django
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from relay.telemetry.counters import HELD_BOUNDS_MS, Counters, PlatformFaults, TrafficCounter
from relay.throttle.verdict import Action

CONTENT_TYPE = CONTENT_TYPE_LATEST
FLOW_LABELS = ("tenant", "client", "channel", "direction")
HELD_LABELS = tuple(str(bound_ms / 1000) for bound_ms in HELD_BOUNDS_MS)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """How the process itself is."""

    loop_lag_seconds: float
    memory_bytes: int
    is_draining: bool
    log_lines_dropped: int
    relay_processes: int
    lease_round_trips: int
    tenants_alone: int
    generations_lost: int
    fullness: Mapping[tuple[str, str, str, int], float]


def metrics_page(counters: Counters, state: ProcessState) -> bytes:
    """All metrics of this process in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CounterCollector(counters, state))
    return generate_latest(registry)


class CounterCollector(Collector):
    """Shows counters as metrics."""

    def __init__(self, counters: Counters, state: ProcessState) -> None:
        """Show what is counted, and how the process is, as of now."""
        self._counters = counters
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
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
        yield from self._flow_metrics()
        yield self._throttle_metric()
        yield from _platform_metrics(self._counters.platform_faults)
        connections = GaugeMetricFamily("floodgate_connections", "Open connections.", labels=("tenant", "client"))
        for connected, count in self._counters.open_connections.items():
            connections.add_metric(connected, count)
        yield connections
        handshakes = CounterMetricFamily(
            "floodgate_handshakes", "Handshakes by result.", labels=("tenant", "client", "result")
        )
        for handshake, count in self._counters.handshakes.items():
            handshakes.add_metric(handshake, count)
        yield handshakes
        closes = CounterMetricFamily("floodgate_closes", "Connections that Floodgate closed.", labels=("side", "code"))
        for (side, code), count in self._counters.closes.items():
            closes.add_metric((side, str(int(code))), count)
        yield closes
        aborted = "Connections that were torn down because an endpoint did not end them."
        yield CounterMetricFamily("floodgate_aborted", aborted, self._counters.aborted)

    def _sharing_metrics(self) -> Iterator[Metric]:
        state = self._state
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

    def _throttle_metric(self) -> Metric:
        """Versions of one policy are added up: a label for each would never end."""
        labels = (*FLOW_LABELS[:3], "zone", "action")
        throttled = CounterMetricFamily(
            "floodgate_throttled", "What zones held back, refused and closed.", labels=labels
        )
        sums: Counter[tuple[str, ...]] = Counter()
        for key, counter in self._counters.throttles.items():
            whose = key.tenant, key.client, key.channel, key.source.zone
            sums[*whose, Action.WAIT.name.lower()] += counter.waited
            sums[*whose, Action.REJECT.name.lower()] += counter.refused
            sums[*whose, Action.CLOSE.name.lower()] += counter.closed
        for values, count in sums.items():
            throttled.add_metric(values, count)
        return throttled

    def _flow_metrics(self) -> Iterator[Metric]:
        messages = CounterMetricFamily("floodgate_messages", "Messages relayed.", labels=FLOW_LABELS)
        relayed_bytes = CounterMetricFamily("floodgate_bytes", "Bytes relayed, with frame headers.", labels=FLOW_LABELS)
        control = CounterMetricFamily("floodgate_control_frames", "Pings and pongs.", labels=FLOW_LABELS)
        waited = CounterMetricFamily("floodgate_waited_messages", "Messages held back first.", labels=FLOW_LABELS)
        waiting = GaugeMetricFamily("floodgate_waiting_messages", "Messages held back now.", labels=FLOW_LABELS)
        held = HistogramMetricFamily("floodgate_held_seconds", "How long messages were held.", labels=FLOW_LABELS)
        for flow, counter in self._counters.traffic.items():
            messages.add_metric(flow, counter.messages)
            relayed_bytes.add_metric(flow, counter.bytes)
            control.add_metric(flow, counter.control_frames)
            waited.add_metric(flow, counter.waited)
            waiting.add_metric(flow, counter.waiting)
            held.add_metric(flow, _buckets(counter), None)
        yield from (messages, relayed_bytes, control, waited, waiting, held)


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
