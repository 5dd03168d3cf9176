"""The gauge of truth: what was really spent of shared zones, over all processes, beside what they allow."""

import asyncio
import math
from collections.abc import Mapping

from relay.sharing.surroundings import Figures
from relay.store.pool import RedisOnLoop, StoreUnavailable
from relay.store.workers import WINDOWS_SECONDS, Spent, add_spent
from relay.throttle.leases import LeasedZone
from relay.throttle.policy import LEASE_SECONDS, SECOND_NS, ZonePolicy

TELL_SECONDS = 1.0
GRAIN_SECONDS = 2.0  # counts belong to the second in which they are told, up to a second late, at both ends


class Gauging:
    """Tells Redis once a second what this process spent of each shared zone, and hears what all did."""

    def __init__(self, redis_on_loop: RedisOnLoop, figures: Figures) -> None:
        """Put what is heard into ``figures``."""
        self._redis = redis_on_loop
        self._figures = figures
        self._told: dict[str, dict[LeasedZone, int]] = {}  # by tenant: how much of what was spent was told

    def watch(self, tenant_id: str, zone: LeasedZone) -> None:
        """Count what is spent of ``zone`` from now on."""
        self._told.setdefault(tenant_id, {}).setdefault(zone, zone.spent)

    async def tell_for_ever(self) -> None:
        """Tell, tenant by tenant; while Redis is away what was spent waits."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            for tenant_id, told in list(self._told.items()):
                try:
                    await self._tell(tenant_id, told)
                except StoreUnavailable:
                    break

    async def _tell(self, tenant_id: str, told: dict[LeasedZone, int]) -> None:
        now = {zone: zone.spent for zone in told}
        spent: dict[tuple[str, ...], Spent] = {}
        for zone, total in now.items():  # several parties may share one
            before = spent.get(zone.key)
            permits = total - told[zone] + (before.permits if before else 0)
            spent[zone.key] = Spent(zone.key, permits, allowed_in_windows(zone.policy))
        most = await add_spent(self._redis, tenant_id, list(spent.values()))
        self._hear(tenant_id, dict(zip(spent.values(), most, strict=True)))
        for zone, total in now.items():
            if total == told[zone] and zone.is_idle:
                del told[zone]
            else:
                told[zone] = total
        if not told:
            del self._told[tenant_id]

    def _hear(self, tenant_id: str, most: Mapping[Spent, tuple[int, int]]) -> None:
        """Keep the fullest of all zones of one name: a label for each client would never end."""
        fullest: dict[tuple[str, str, str, int], float] = {}
        for one, counts in most.items():
            for seconds, count, allowed in zip(WINDOWS_SECONDS, counts, one.allowed, strict=True):
                label = tenant_id, one.key.scope.value, one.key.name, seconds
                fullest[label] = max(fullest.get(label, 0.0), count / allowed)
        kept = {label: ratio for label, ratio in self._figures.fullness.items() if label[0] != tenant_id}
        self._figures.fullness = kept | fullest


def allowed_in_windows(policy: ZonePolicy) -> tuple[int, int]:
    """What a shared zone may admit in each of ``WINDOWS_SECONDS``, as far as counts by the second can tell."""
    return allowed_in(policy, WINDOWS_SECONDS[0]), allowed_in(policy, WINDOWS_SECONDS[1])


def allowed_in(policy: ZonePolicy, seconds: int) -> int:
    """Rate x (window + lease) + burst + 1, and what comes of counting by the second."""
    rate = policy.permits * SECOND_NS / policy.period_ns
    return math.floor(rate * (seconds + LEASE_SECONDS + GRAIN_SECONDS)) + policy.burst + 1
