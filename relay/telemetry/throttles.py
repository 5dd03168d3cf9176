"""What zones held back, refused and closed in one second: the form in a record, and how it is made from counters."""

from collections.abc import Iterator

import msgspec

from relay.telemetry.counters import NS_PER_MS, Counters, ThrottleCounter, ThrottleKey
from relay.telemetry.fields import Count, Name, UnixSeconds
from relay.throttle.policy import SECOND_NS

Totals = tuple[int, int, int, int]


class ThrottleRecord(msgspec.Struct, frozen=True, array_like=True):
    """What one zone did to one client's traffic on one channel since the record before, and from when to when.

    ``waited`` counts those that began to wait; ``held_ms`` adds up the waits that ended. Both may be 0 while others
    go on waiting.
    """

    tenant: Name
    client: Name
    channel: Name
    policy_id: Name
    version: Count
    zone: Name
    began_at: UnixSeconds
    last_at: UnixSeconds
    waited: Count
    held_ms: Count
    refused: Count
    closed: Count


class ThrottleDifferences:
    """Remembers what was told of each zone, and tells what came since."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._told: dict[ThrottleKey, Totals] = {}

    def take(self, counters: Counters, now_ns: int, now_unix_seconds: float) -> list[ThrottleRecord]:
        """What zones did since the last call. One that did nothing is told of as long as somebody waits for it.

        Both times are now: by the clock of the counters, and by that of the record.
        """
        return list(self._taken(counters, now_ns, now_unix_seconds))

    def _taken(self, counters: Counters, now_ns: int, now_unix_seconds: float) -> Iterator[ThrottleRecord]:
        for key, counter in counters.throttles.items():
            if not (counter.first_ns or counter.waiting):
                continue
            totals, told = _totals(counter), self._told.get(key, (0, 0, 0, 0))
            first_ns, last_ns = counter.first_ns or now_ns, now_ns if counter.waiting else counter.last_ns
            yield ThrottleRecord(
                key.tenant,
                key.client,
                key.channel,
                *key.source,
                now_unix_seconds - (now_ns - first_ns) / SECOND_NS,
                now_unix_seconds - (now_ns - last_ns) / SECOND_NS,
                *(now - before for now, before in zip(totals, told, strict=True)),
            )
            self._told[key] = totals
            counter.first_ns = 0


def _totals(counter: ThrottleCounter) -> Totals:
    return counter.waited, counter.held_ns // NS_PER_MS, counter.refused, counter.closed
