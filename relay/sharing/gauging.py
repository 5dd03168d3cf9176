"""The gauge of truth: what was really spent of shared zones, over all processes, beside what they allow."""

import asyncio
import math
import time
from dataclasses import dataclass, field

from relay.sharing.each import for_each
from relay.sharing.surroundings import Figures
from relay.store.pool import RedisOnLoop, StoreUnavailable
from relay.store.workers import WINDOWS_SECONDS, Spent, add_spent
from relay.throttle.leases import LeasedZone
from relay.throttle.policy import LEASE_SECONDS, SECOND_NS, ZonePolicy

TELL_SECONDS = 1.0
GRAIN_SECONDS = 2.0  # counts belong to the second in which they are told, up to a second late, at both ends
SHOWN_SECONDS = 60.0  # for so long a reading is shown after the last that was heard


@dataclass(slots=True)
class Told:
    """How much was told of what was spent of each of a tenant's zones, and when that was done last."""

    spent: dict[LeasedZone, int] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)


class Gauging:
    """Tells Redis once a second what this process spent of each shared zone, and hears what all did."""

    def __init__(self, redis_on_loop: RedisOnLoop, figures: Figures) -> None:
        """Put what is heard into ``figures``."""
        self._redis = redis_on_loop
        self._figures = figures
        self._told: dict[str, Told] = {}  # by tenant
        self._heard: dict[str, float] = {}  # tenants whose readings are shown, and since when

    def __len__(self) -> int:
        """How many entries are kept, over all tenants."""
        return sum(1 + len(told.spent) for told in self._told.values()) + len(self._heard)

    def watch(self, tenant_id: str, zone: LeasedZone) -> None:
        """Count what is spent of ``zone`` from now on."""
        self._told.setdefault(tenant_id, Told()).spent.setdefault(zone, zone.spent)

    def forget_those_at_rest(self, now_ns: int) -> None:
        """Show readings no more that nobody has heard anything after."""
        long_ago = now_ns / SECOND_NS - SHOWN_SECONDS
        for tenant_id in [tenant_id for tenant_id, heard in self._heard.items() if heard < long_ago]:
            del self._heard[tenant_id]
            self._figures.fullness_of.pop(tenant_id, None)

    async def tell_for_ever(self) -> None:
        """Tell, some tenants at a time."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            await for_each(list(self._told), self._tell)

    async def _tell(self, tenant_id: str) -> None:
        """Tell one tenant's. What Redis did not take is not counted: later it would be counted in a wrong second."""
        told, began = self._told[tenant_id], time.monotonic()
        now = {zone: zone.spent for zone in told.spent}
        seconds_late = max(GRAIN_SECONDS, 2 * (began - told.at))
        spent: dict[tuple[str, ...], Spent] = {}
        for zone, total in now.items():  # several parties may share one
            before = spent.get(zone.key)
            permits = total - told.spent[zone] + (before.permits if before else 0)
            spent[zone.key] = Spent(zone.key, permits, allowed_in_windows(zone.policy, seconds_late))
        try:
            most = await add_spent(self._redis, tenant_id, list(spent.values()))
        except StoreUnavailable:
            pass
        else:
            self._hear(tenant_id, list(zip(spent.values(), most, strict=True)))
        told.at = began
        for zone, total in now.items():
            if total == told.spent[zone] and zone.is_idle:
                del told.spent[zone]
            else:
                told.spent[zone] = total
        if not told.spent:
            del self._told[tenant_id]

    def _hear(self, tenant_id: str, most: list[tuple[Spent, tuple[int, int]]]) -> None:
        fullest: dict[tuple[str, str, int], float] = {}
        for one, counts in most:
            for seconds, count, allowed in zip(WINDOWS_SECONDS, counts, one.allowed, strict=True):
                label = one.key.scope.value, one.key.name, seconds
                fullest[label] = max(fullest.get(label, 0.0), count / allowed)
        self._figures.fullness_of[tenant_id] = fullest
        self._heard[tenant_id] = time.monotonic()


def allowed_in_windows(policy: ZonePolicy, seconds_late: float = GRAIN_SECONDS) -> tuple[int, int]:
    """What a shared zone may admit in each of ``WINDOWS_SECONDS``, as far as counts can tell that come so late."""
    shorter, longer = WINDOWS_SECONDS
    return allowed_in(policy, shorter, seconds_late), allowed_in(policy, longer, seconds_late)


def allowed_in(policy: ZonePolicy, seconds: int, seconds_late: float = GRAIN_SECONDS) -> int:
    """Rate x (window + lease) + burst + 1, and what comes of counting by the second."""
    rate = policy.permits * SECOND_NS / policy.period_ns
    return math.floor(rate * (seconds + LEASE_SECONDS + seconds_late)) + policy.burst + 1
