"""The shared zones of one relay process, found by whose traffic they add up, and the tasks that ask for permits."""

import asyncio

import structlog

from relay.process.tasks import end_tasks
from relay.sharing.gauging import Gauging
from relay.sharing.surroundings import Surroundings
from relay.sharing.tenant_leases import TenantLeases
from relay.throttle.granting import Party
from relay.throttle.leases import LeasedZone
from relay.throttle.policy import ZoneSource
from relay.throttle.zones import KeyedZone

log = structlog.get_logger()
RESTART_SECONDS = 1.0  # after a tenant's task failed


class Leasing:
    """Finds the zone of a key and party, and keeps a task for each tenant that has some in use."""

    def __init__(self, around: Surroundings, gauging: Gauging) -> None:
        """Begin with no zone; what is spent is told by ``gauging``."""
        self._around = around
        self._gauging = gauging
        self._tenants: dict[str, TenantLeases] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_ending = False

    def __len__(self) -> int:
        """How many entries are kept, over all tenants."""
        return len(self._tenants) + sum(map(len, self._tenants.values()))

    def zone(self, tenant_id: str, keyed: KeyedZone, party: Party | None) -> LeasedZone:
        """The zone of ``keyed`` as ``party`` shares it, following that version from now on."""
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            tenant = self._tenants[tenant_id] = TenantLeases(tenant_id, self._around)
        key = (keyed.key, party.client_id if party else "", int(party.priority) if party else 0)
        zone = tenant.zones.get(key)
        if zone is None:
            zone = LeasedZone(keyed.key, keyed.policy, party, lambda zone: self._lack(tenant, zone))
            tenant.zones[key] = zone
        elif zone.policy != keyed.policy:
            zone.adopt(keyed.policy)
        zone.party, zone.store_away = party, keyed.store_away
        zone.source = ZoneSource(keyed.key.policy_id, keyed.version, keyed.key.name)
        return zone

    @property
    def is_idle(self) -> bool:
        """Tell whether no zone is in use."""
        return not self._tasks

    def forget_those_at_rest(self, now_ns: int) -> None:
        """Drop what is not needed any more: of tenants that are gone nothing stays."""
        for tenant_id, tenant in list(self._tenants.items()):
            tenant.forget_what_is_past(now_ns)
            if tenant_id not in self._tasks and not len(tenant):
                del self._tenants[tenant_id]

    async def aclose(self) -> None:
        """End all tasks."""
        self._is_ending = True
        await end_tasks(list(self._tasks.values()))

    def _lack(self, tenant: TenantLeases, zone: LeasedZone) -> None:
        tenant = self._tenants.setdefault(tenant.tenant_id, tenant)
        tenant.lack(zone)
        self._gauging.watch(tenant.tenant_id, zone)
        if tenant.tenant_id not in self._tasks and not self._is_ending:
            self._begin(tenant)

    def _begin(self, tenant: TenantLeases, after_seconds: float = 0.0) -> None:
        serving = asyncio.create_task(tenant.serve(after_seconds), name=f"leases of {tenant.tenant_id}")
        self._tasks[tenant.tenant_id] = serving
        serving.add_done_callback(lambda task: self._ended(tenant, task))

    def _ended(self, tenant: TenantLeases, task: asyncio.Task[None]) -> None:
        del self._tasks[tenant.tenant_id]
        if task.cancelled():
            return
        if task.exception() is not None:
            log.error("background_task_failed", task=task.get_name(), exc_info=task.exception())
        if not (tenant.is_idle or self._is_ending):  # somebody asked just as it ended
            self._begin(tenant, RESTART_SECONDS if task.exception() else 0.0)
