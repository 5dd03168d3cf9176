"""One limit for each of many keys, in the memory of one process: it holds floods before anything is looked up.

Several web processes allow as many times as much. Who is charged is for the callers to say.
"""

from collections import OrderedDict
from threading import Lock

from relay.throttle.limiter import Limiter
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Scope, ZonePolicy
from relay.throttle.verdict import Action
from relay.throttle.zone import Zone

MOST_ZONES = 16_384  # 6 MiB; the least recently used is forgotten, and begins at rest if it comes again
LARGEST_RETRY_AFTER_SECONDS = 60


class ZoneTable:
    """One limit for each of many keys, of which the busiest are remembered. Threads may share it."""

    def __init__(self, *, name: str, scope: Scope, permits: int, burst: int, period_seconds: int = 1) -> None:
        """Allow each key ``permits`` in a period, with ``burst`` at once."""
        self._zones: OrderedDict[str, Limiter] = OrderedDict()
        self._lock = Lock()
        self._policy = ZonePolicy(
            name=name,
            scope=scope,
            counted=Counted.HANDSHAKES,
            permits=permits,
            period_ns=period_seconds * SECOND_NS,
            burst=burst,
            delay=burst,
            beyond=Beyond.REJECT,
        )

    def seconds_to_wait(self, key: str, now_ns: int) -> int:
        """Charge one request to ``key``: 0 if it may pass, else after how many whole seconds another may."""
        with self._lock:
            limiter = self._zones.get(key)
            if limiter is None:
                limiter = self._zones[key] = Limiter([Zone(self._policy)])
                if len(self._zones) > MOST_ZONES:
                    self._zones.popitem(last=False)
            self._zones.move_to_end(key)
            verdict = limiter.admit(now_ns)
        if verdict.action is Action.PASS:
            return 0
        return min(-(-verdict.wait_ns // SECOND_NS), LARGEST_RETRY_AFTER_SECONDS)
