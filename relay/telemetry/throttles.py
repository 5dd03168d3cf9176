"""What zones held back, refused and closed in one second: the form in a record, and how it is made from counters."""

import msgspec

from relay.telemetry.counters import (
    NO_THROTTLE,
    NS_PER_MS,
    Counters,
    ThrottleCounter,
    ThrottleKey,
    ThrottleTotals,
    evict_unless_held,
)
from relay.telemetry.fields import ClientId, Count, Id, Name, UnixSeconds, refuse_half_owners
from relay.throttle.policy import SECOND_NS


class ThrottleRecord(msgspec.Struct, frozen=True, array_like=True):
    """What one zone did to one client's traffic on one channel since the record before, and from when to when.

    ``waited`` counts those that began to wait; ``held_ms`` adds up the waits that ended. Both may be 0 while others
    go on waiting.
    """

    tenant_id: Id
    client_id: ClientId
    channel_id: Id
    policy_id: Name
    version: Count
    zone: Name
    began_at: UnixSeconds
    last_at: UnixSeconds
    waited: Count
    held_ms: Count
    refused: Count
    closed: Count
    longest_ms: Count = 0  # of the waits that ended

    def __post_init__(self) -> None:
        """Refuse what is neither a client's nor nobody's."""
        refuse_half_owners(self.tenant_id, self.client_id)


def throttle_record(
    key: ThrottleKey, counter: ThrottleCounter, now_ns: int, now_unix_seconds: float
) -> ThrottleRecord | None:
    """What a zone did since the last record; one that did nothing is told of as long as somebody waits for it.

    Nothing while its spell is short: once that is noticeable, a record tells of it from its beginning.
    Both times are now: by the clock of the counter, and by that of the record.
    """
    if not ((counter.first_ns or counter.waiting) and counter.is_noticeable(now_ns)):
        return None
    now, told = counter.totals(), counter.told
    first_ns, last_ns = counter.first_ns or now_ns, now_ns if counter.waiting else counter.last_ns
    longest_ns, counter.longest_ns = counter.longest_ns, 0
    counter.first_ns, counter.told = 0, now
    return ThrottleRecord(
        key.tenant_id,
        key.client_id,
        key.channel_id,
        *key.source,
        now_unix_seconds - (now_ns - first_ns) / SECOND_NS,
        now_unix_seconds - (now_ns - last_ns) / SECOND_NS,
        now.waited - told.waited,
        now.held_ns // NS_PER_MS - told.held_ns // NS_PER_MS,
        now.refused - told.refused,
        now.closed - told.closed,
        longest_ns // NS_PER_MS,
    )


def evict_at_rest(counters: Counters, key: ThrottleKey, now_ns: int) -> None:
    """Evict a counter whose spell is over, unless somebody holds it: each version of a policy has its own.

    Its totals go on in the metrics, where versions are added up.
    """
    if not counters.throttles[key].is_paused(now_ns):
        return
    totals = counters.throttles[key].totals()
    if evict_unless_held(counters.throttles, key):
        before, _ = counters.evicted_throttles.get(key.label, (NO_THROTTLE, 0))
        added = ThrottleTotals(*(old + new for old, new in zip(before, totals, strict=True)))
        counters.evicted_throttles[key.label] = added, now_ns


def forget_labels(counters: Counters, oldest_ns: int) -> None:
    """Forget what zones did that have evicted no counter since ``oldest_ns``, and have none now."""
    counting = {key.label for key in counters.throttles}
    counters.evicted_throttles = {
        label: (totals, evicted_ns)
        for label, (totals, evicted_ns) in counters.evicted_throttles.items()
        if evicted_ns > oldest_ns or label in counting
    }
