"""Tells what came since the last record, part by part, and evicts the counters that nobody counts in any more."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from relay.telemetry.counters import Counters, Flow, ThrottleKey, TrafficCounter, evict_unless_held
from relay.telemetry.records import FlowRecord, HandshakeRecord
from relay.telemetry.throttles import ThrottleRecord, evict_at_rest, forget_labels, throttle_record
from relay.throttle.policy import SECOND_NS

KEYS_A_PART = 250  # are looked at in one turn of the event loop
QUIET_SECONDS = 600  # a series ends after so long without a change: Prometheus looks back for half of that
QUIET_NS = QUIET_SECONDS * SECOND_NS
SWEPT_EVERY_NS = 60 * SECOND_NS
Element = TypeVar("Element")


class Part(NamedTuple):
    """Rows of a record."""

    flows: list[FlowRecord]
    handshakes: list[HandshakeRecord]
    throttles: list[ThrottleRecord]

    def add(self, other: "Part") -> None:
        """Take another's rows over."""
        self.flows.extend(other.flows)
        self.handshakes.extend(other.handshakes)
        self.throttles.extend(other.throttles)

    def size(self) -> int:
        """How many rows."""
        return len(self.flows) + len(self.handshakes) + len(self.throttles)


class Differences:
    """Walks through all counters of a process.

    An evicted counter had nothing but short waits that a record has not told, and every record before this walk was
    taken by Redis.
    """

    def __init__(self, counters: Counters) -> None:
        """Begin with nothing told."""
        self._counters = counters
        self._handshakes: dict[tuple[str, str, str], tuple[int, int]] = {}  # what was told, and when it last changed
        self._swept_ns = 0

    def take(self, now_ns: int, now_unix_seconds: float) -> Iterator[Part]:
        """What came since the last walk, in parts of at most ``KEYS_A_PART`` rows; what did not change is left out.

        Both times are now: by the clock of the counters, and by that of the record. Whoever walks may pause between
        parts, and need not go on to the end: the next walk tells the rest.
        """
        counters = self._counters
        for flows in _parts_of(counters.traffic):
            changes = [self._flow_record(flow, now_ns) for flow in flows]
            yield Part([change for change in changes if change], [], [])
        for keys in _parts_of(counters.handshakes):
            grown = [self._handshake_record(key, now_ns) for key in keys]
            yield Part([], [handshakes for handshakes in grown if handshakes], [])
        for throttles in _parts_of(counters.throttles):
            acted = [self._throttle_record(key, now_ns, now_unix_seconds) for key in throttles]
            yield Part([], [], [throttle for throttle in acted if throttle])
        if now_ns - self._swept_ns >= SWEPT_EVERY_NS:
            self._swept_ns = now_ns
            forget_labels(counters, now_ns - QUIET_NS)
            _forget_names(counters)

    def _flow_record(self, flow: Flow, now_ns: int) -> FlowRecord | None:
        if _is_quiet(self._counters.traffic[flow], now_ns):
            if not evict_unless_held(self._counters.traffic, flow):
                self._counters.traffic[flow].changed_ns = now_ns  # an open connection that is silent: ask again later
            return None
        return _change(flow, self._counters.traffic[flow], now_ns)

    def _handshake_record(self, key: tuple[str, str, str], now_ns: int) -> HandshakeRecord | None:
        count = self._counters.handshakes[key]
        told, changed_ns = self._handshakes.get(key, (0, now_ns))
        if count != told:
            self._handshakes[key] = count, now_ns
            return HandshakeRecord(*key, count - told)
        if now_ns - changed_ns >= QUIET_NS:
            del self._counters.handshakes[key], self._handshakes[key]
        return None

    def _throttle_record(self, key: ThrottleKey, now_ns: int, now_unix_seconds: float) -> ThrottleRecord | None:
        record = throttle_record(key, self._counters.throttles[key], now_ns, now_unix_seconds)
        if record is None:
            evict_at_rest(self._counters, key, now_ns)
        return record


def _parts_of(keys: Iterable[Element]) -> Iterator[list[Element]]:
    """All keys as they are now, part by part."""
    left = iter(list(keys))
    while part := list(islice(left, KEYS_A_PART)):
        yield part


def _is_quiet(counter: TrafficCounter, now_ns: int) -> bool:
    return bool(counter.changed_ns) and now_ns - counter.changed_ns >= QUIET_NS and not _has_changed(counter)


def _has_changed(counter: TrafficCounter) -> bool:
    """Held times change with ``messages`` and ``waited`` alone."""
    told = counter.told
    return (
        counter.bytes != told.bytes
        or counter.messages != told.messages
        or counter.waiting != told.waiting
        or counter.waited != told.waited
        or counter.control_frames != told.control_frames
    )


def _change(flow: Flow, counter: TrafficCounter, now_ns: int) -> FlowRecord | None:
    if not _has_changed(counter):
        counter.changed_ns = counter.changed_ns or now_ns
        return None
    now, told = counter.totals(), counter.told
    counter.told, counter.changed_ns = now, now_ns
    return FlowRecord(
        *flow,
        now.messages - told.messages,
        now.bytes - told.bytes,
        now.control_frames - told.control_frames,
        now.waited - told.waited,
        now.waiting,
        [count - before for count, before in zip(now.held, told.held, strict=True)],
    )


def _forget_names(counters: Counters) -> None:
    """Forget the names of what no counter is of."""
    tables = (counters.traffic, counters.handshakes, counters.open_connections, counters.evicted_throttles)
    names, owners = counters.names, {(key[0], key[1]) for table in tables for key in table}
    names.tenants = _kept(names.tenants, {tenant_id for tenant_id, _ in owners})
    names.clients = _kept(names.clients, {client_id for _, client_id in owners})
    channels = {key.channel_id for table in (counters.traffic, counters.evicted_throttles) for key in table}
    names.channels = _kept(names.channels, channels)


def _kept(names: dict[str, str], ids: set[str]) -> dict[str, str]:
    return {named: name for named, name in names.items() if named in ids}
