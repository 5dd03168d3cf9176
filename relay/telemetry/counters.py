"""Counts in memory what flows, was held back and was refused. differences.py says what came of it each second."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable
from typing import NamedTuple, TypeVar
from weakref import ref

from relay.store.client_records import ChannelRecord, ClientRecord
from relay.telemetry.open_connections import OpenConnections
from relay.throttle.policy import ZoneSource

HELD_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
NS_PER_MS, NS_PER_SECOND = 1_000_000, 1_000_000_000
NOTICEABLE_SECONDS = 1  # of waiting; a shorter spell is counted, and no record tells of it
SPELL_PAUSE_SECONDS = 10
Key = TypeVar("Key", bound=Hashable)
Counted = TypeVar("Counted")


class Flow(NamedTuple):
    """Whose traffic a counter counts: by ids, which are never given twice, as slugs and names are."""

    tenant_id: str
    client_id: str  # OAuth's
    channel_id: str
    direction: str


class FlowTotals(NamedTuple):
    """What a flow's counter stood at."""

    messages: int
    bytes: int
    control_frames: int
    waited: int
    waiting: int
    held: list[int]


class ThrottleTotals(NamedTuple):
    """What a zone's counter stood at."""

    waited: int
    held_ns: int
    refused: int
    closed: int


NO_FLOW = FlowTotals(0, 0, 0, 0, 0, [0] * (len(HELD_BOUNDS_MS) + 1))
NO_THROTTLE = ThrottleTotals(0, 0, 0, 0)


class ZoneLabel(NamedTuple):
    """A zone over all versions of its policy, as metrics show it."""

    tenant_id: str
    client_id: str
    channel_id: str
    zone: str


class ThrottleKey(NamedTuple):
    """Whose traffic on which channel was held back, and by which zone. Of nobody, as long as no token was read."""

    tenant_id: str
    client_id: str
    channel_id: str
    source: ZoneSource

    @property
    def label(self) -> ZoneLabel:
        """The key less the policy's version."""
        return ZoneLabel(self.tenant_id, self.client_id, self.channel_id, self.source.zone)


class ThrottleCounter:
    """What one zone did to one client's traffic on one channel, since the process began. All times are monotonic.

    Attributes:
        waited: messages and handshakes that were told to wait.
        waiting: those of them that wait now.
        held_ns: for how long those that wait no more have waited, added up.
        refused: handshakes that were refused.
        closed: connections that were closed because they had waited for too long.
        longest_ns: the longest wait that ended since the last record.
        first_ns: when the zone first did something that no record tells of; 0: it did nothing.
        last_ns: when it last did.
        told: what it stood at in the last record.
    """

    __slots__ = (
        "__weakref__",
        "_busy_ns",
        "_busy_since_ns",
        "closed",
        "first_ns",
        "held_ns",
        "last_ns",
        "longest_ns",
        "refused",
        "told",
        "waited",
        "waiting",
    )

    def __init__(self) -> None:
        """Begin at nothing."""
        self.waited = self.waiting = self.held_ns = self.refused = self.closed = 0
        self.first_ns = self.last_ns = self.longest_ns = 0
        self._busy_ns = self._busy_since_ns = 0  # how long somebody waited in this spell, and since when one does
        self.told = NO_THROTTLE

    def totals(self) -> ThrottleTotals:
        """What it stands at."""
        return ThrottleTotals(self.waited, self.held_ns, self.refused, self.closed)

    def hold(self, now_ns: int) -> None:
        """Count one that must wait."""
        self._acted(now_ns)
        if not self.waiting:
            self._busy_since_ns = now_ns
        self.waited += 1
        self.waiting += 1

    def let_go(self, arrived_ns: int, now_ns: int) -> None:
        """Count one that waits no more."""
        self._acted(now_ns)
        self.waiting -= 1
        if not self.waiting:
            self._busy_ns += now_ns - self._busy_since_ns
        self.held_ns += now_ns - arrived_ns
        self.longest_ns = max(self.longest_ns, now_ns - arrived_ns)

    def refuse(self, now_ns: int) -> None:
        """Count one that was refused."""
        self._acted(now_ns)
        self.refused += 1

    def close(self, now_ns: int) -> None:
        """Count a connection that was closed."""
        self._acted(now_ns)
        self.closed += 1

    def is_noticeable(self, now_ns: int) -> bool:
        """Whether this spell, or what no record tells of, is more than a short wait.

        Somebody waited for ``NOTICEABLE_SECONDS`` in all, or was refused or closed. Messages of a flood wait a few
        milliseconds each where the limit is high, one after the other: so the spell counts, and not the single wait.
        """
        busy_ns = self._busy_ns + (now_ns - self._busy_since_ns if self.waiting else 0)
        has_ended_others = self.refused > self.told.refused or self.closed > self.told.closed
        return has_ended_others or busy_ns >= NOTICEABLE_SECONDS * NS_PER_SECOND

    def is_paused(self, now_ns: int) -> bool:
        """Whether the zone did nothing for so long that what it does next is another spell."""
        return not self.waiting and now_ns - self.last_ns > SPELL_PAUSE_SECONDS * NS_PER_SECOND

    def forget_spell(self) -> None:
        """Begin another spell; no record will tell of what was not told so far."""
        self.first_ns = self.longest_ns = self._busy_ns = 0
        self.told = self.totals()

    def _acted(self, now_ns: int) -> None:
        if self.is_paused(now_ns) and not (self.first_ns and self.is_noticeable(now_ns)):
            self.forget_spell()
        self.first_ns = self.first_ns or now_ns
        self.last_ns = now_ns


class TrafficCounter:
    """What one client sent on one channel in one direction, since the process began.

    Attributes:
        messages: all that went on; the splice adds to it, run by run.
        waited: those of them that were held back first.
        waiting: how many are held back now.
        dropped_bytes: what was taken from a sender and could not go on: the connection ended first.
        told: what it stood at in the last record.
        changed_ns: when a record last told of it (monotonic); 0: it was not looked at yet.
    """

    __slots__ = (
        "__weakref__",
        "_held_back",
        "bytes",
        "changed_ns",
        "control_frames",
        "dropped_bytes",
        "messages",
        "told",
        "waited",
        "waiting",
    )

    def __init__(self) -> None:
        """Begin at nothing."""
        self.messages = 0
        self.bytes = 0
        self.control_frames = 0
        self.waited = 0
        self.waiting = 0
        self.dropped_bytes = 0
        self.changed_ns = 0
        self.told = NO_FLOW
        self._held_back = [0] * (len(HELD_BOUNDS_MS) + 1)

    def totals(self) -> FlowTotals:
        """What it stands at."""
        return FlowTotals(self.messages, self.bytes, self.control_frames, self.waited, self.waiting, self.held)

    @property
    def held(self) -> list[int]:
        """Messages by how long they were held: a bucket for each of ``HELD_BOUNDS_MS``, and one for all that is longer.

        What was not held back went on in the turn in which it came, and counts in the first.
        """
        return [self._held_back[0] + self.messages - self.waited, *self._held_back[1:]]

    def passed_after(self, held_ns: int, *, was_throttled: bool = True) -> None:
        """Count a message that was held back first, or that only waited for Redis' answer."""
        self.messages += 1
        if was_throttled:
            self.waited += 1
            self._held_back[bisect_left(HELD_BOUNDS_MS, held_ns / NS_PER_MS)] += 1


class PlatformFaults:
    """What went wrong with platforms, since the process began. Every key is one of a few words.

    Attributes:
        dns_failures: lookups of a platform's host that brought no address to connect to, by reason.
        tls_errors: TLS handshakes that failed, by reason.
        timeouts: what was not waited for any longer, by phase.
        protocol_errors: what made no sense, by phase.
    """

    __slots__ = ("dns_failures", "protocol_errors", "timeouts", "tls_errors")

    def __init__(self) -> None:
        """Begin at nothing."""
        self.dns_failures: Counter[str] = Counter()
        self.tls_errors: Counter[str] = Counter()
        self.timeouts: Counter[str] = Counter()
        self.protocol_errors: Counter[str] = Counter()


class Names:
    """What people call tenants, clients and channels: for the metrics page, by their ids."""

    __slots__ = ("channels", "clients", "tenants")

    def __init__(self) -> None:
        """Begin with none."""
        self.tenants: dict[str, str] = {}  # slugs
        self.clients: dict[str, str] = {}
        self.channels: dict[str, str] = {}

    def learn(self, client: ClientRecord, channel: ChannelRecord | None = None) -> None:
        """Take the names over as they are now: people change them, and others may have them next."""
        self.tenants[client.tenant_id] = client.tenant_slug
        self.clients[client.client_id] = client.name
        if channel is not None:
            self.channels[channel.id] = channel.name


class Counters:
    """All that one relay process counts. differences.py evicts what nobody counts in any more.

    Keys of ``closes`` and ``platform_faults`` are a few words and codes of Floodgate's own.
    """

    def __init__(self) -> None:
        """Begin at nothing."""
        self.traffic: dict[Flow, TrafficCounter] = {}
        self.open_connections: Counter[tuple[str, str]] = Counter()  # by tenant_id and client_id
        self.open_on_channels = OpenConnections()
        self.handshakes: Counter[tuple[str, str, str]] = Counter()  # by tenant_id, client_id and result
        self.closes: Counter[tuple[str, int]] = Counter()  # by who ended it and code
        self.aborted = 0  # connections whose ends never came
        self.throttles: dict[ThrottleKey, ThrottleCounter] = {}
        self.evicted_throttles: dict[ZoneLabel, tuple[ThrottleTotals, int]] = {}  # and when the last one went (ns)
        self.names = Names()
        self.platform_faults = PlatformFaults()

    def flow(self, flow: Flow) -> TrafficCounter:
        """The counter of one flow."""
        counter = self.traffic.get(flow)
        if counter is None:
            counter = self.traffic[flow] = TrafficCounter()
        return counter

    def throttle(self, key: ThrottleKey) -> ThrottleCounter:
        """The counter of what one zone holds back. It is evicted once nobody holds it and nothing waits."""
        counter = self.throttles.get(key)
        if counter is None:
            counter = self.throttles[key] = ThrottleCounter()
        return counter

    def connection_opened(self, tenant_id: str, client_id: str, channel_id: str) -> None:
        """Count an open connection."""
        self.open_connections[tenant_id, client_id] += 1
        self.open_on_channels.opened(tenant_id, channel_id, client_id)

    def connection_closed(self, tenant_id: str, client_id: str, channel_id: str) -> None:
        """Count one less; a client without any has no key."""
        self.open_on_channels.closed(tenant_id, channel_id, client_id)
        self.open_connections[tenant_id, client_id] -= 1
        if not self.open_connections[tenant_id, client_id]:
            del self.open_connections[tenant_id, client_id]


def evict_unless_held(counters: dict[Key, Counted], key: Key) -> bool:
    """Forget a counter, unless somebody holds it: a session counts in it. Its owner dies with its last reference."""
    held = ref(counters.pop(key))
    counter = held()
    if counter is None:
        return True
    counters[key] = counter
    return False


def held_quantile_ms(held: list[int], quantile: float) -> float:
    """The bound under which ``quantile`` of the messages were held, in milliseconds; 0 where there are none."""
    total = sum(held)
    seen = 0
    for bound_ms, count in zip((*HELD_BOUNDS_MS, float("inf")), held, strict=True):
        seen += count
        if total and seen >= quantile * total:
            return bound_ms
    return 0.0
