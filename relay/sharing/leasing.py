"""The shared zones of one relay process, found by whose traffic they add up, and the tasks that ask for permits."""

import asyncio
from weakref import WeakValueDictionary

import structlog

from relay.process.tasks import end_tasks
from relay.sharing.gauging import Gauging
from relay.sharing.surroundings import Surroundings
from relay.sharing.tenant_leases import TenantLeases
from relay.throttle.granting import Party
from relay.throttle.leases import LeasedZone
from relay.throttle.policy import ZoneSource
from relay.throttle.zones import KeyedZone, ZoneKey

log = structlog.get_logger()


class Leasing:
    """Finds the zone of a key and party, and keeps a task for each tenant that has some in use."""

    def __init__(self, around: Surroundings, gauging: Gauging) -> None:
        """Begin with no zone; what is spent is told by ``gauging``."""
        self._around = around
        self._gauging = gauging
        self._zones: WeakValueDictionary[tuple[ZoneKey, str, int], LeasedZone] = WeakValueDictionary()
        self._tenants: dict[str, TenantLeases] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_ending = False

    def zone(self, tenant_id: str, keyed: KeyedZone, party: Party | None) -> LeasedZone:
        """The zone of ``keyed`` as ``party`` shares it, following that version from now on."""
        key = (keyed.key, party.client_id if party else "", int(party.priority) if party else 0)
        zone = self._zones.get(key)
        if zone is None:
            zone = LeasedZone(keyed.key, keyed.policy, party, lambda zone: self._lack(tenant_id, zone))
            self._zones[key] = zone
        elif zone.policy != keyed.policy:
            zone.adopt(keyed.policy)
        zone.party, zone.store_away = party, keyed.store_away
        zone.source = ZoneSource(keyed.key.policy_id, keyed.version, keyed.key.name)
        return zone

    @property
    def is_idle(self) -> bool:
        """Tell whether no zone is in use."""
        return not self._tasks

    async def aclose(self) -> None:
        """End all tasks."""
        self._is_ending = True
        await end_tasks(list(self._tasks.values()))

    def _lack(self, tenant_id: str, zone: LeasedZone) -> None:
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            tenant = self._tenants[tenant_id] = TenantLeases(tenant_id, self._around)
        tenant.lack(zone)
        self._gauging.watch(tenant_id, zone)
        if tenant_id not in self._tasks and not self._is_ending:
            self._begin(tenant_id, tenant)

    def _begin(self, tenant_id: str, tenant: TenantLeases) -> None:
        task = self._tasks[tenant_id] = asyncio.create_task(tenant.serve(), name=f"leases of {tenant_id}")
        task.add_done_callback(lambda task: self._ended(tenant_id, tenant, task))

    def _ended(self, tenant_id: str, tenant: TenantLeases, task: asyncio.Task[None]) -> None:
        del self._tasks[tenant_id]
        if task.cancelled():
            return
        if task.exception() is not None:
            log.error("background_task_failed", task=task.get_name(), exc_info=task.exception())
        if not (tenant.is_idle or self._is_ending):  # somebody asked just as it ended
            self._begin(tenant_id, tenant)
