"""The propagation receipt of a version: which relay processes enforce it, after how long, and which lag."""

from dataclasses import dataclass
from datetime import UTC, datetime

from relay.store.pool import StoreUnavailable
from relay.store.receipts import Announced, Receipt, read_receipts
from relay.store.workers import names_of_alive_workers
from tenants.models.policies import PolicyVersion


@dataclass(frozen=True, slots=True)
class Laggard:
    """A relay process that has not confirmed a version, and what it enforces as far as it has said; 0: nothing."""

    worker: str
    version: int


@dataclass(frozen=True, slots=True)
class PropagationReceipt:
    """What relay processes that are alive say of one version that was published.

    Attributes:
        version: its number.
        is_known: whether Redis answered.
        announced_at: when relays were first told of it, by Redis' clock; nothing where they were not yet.
        workers: how many relay processes are alive.
        laggards: those that have not confirmed it.
        after_ms: how long after the announcement the last one confirmed; nothing where none was there by then.
    """

    version: int
    is_known: bool
    announced_at: datetime | None = None
    workers: int = 0
    laggards: tuple[Laggard, ...] = ()
    after_ms: int | None = None

    @property
    def is_complete(self) -> bool:
        """Tell whether no word is missing that could still come."""
        return self.announced_at is not None and self.workers > 0 and not self.laggards

    @property
    def sentence(self) -> str:
        """What people read, such as "version 12 enforced by 4 of 4 workers after 340 ms"."""
        if not self.is_known:
            return f"Redis does not answer, so nobody can tell who enforces version {self.version}"
        if self.announced_at is None:
            return f"version {self.version} is not announced yet; that is done again every minute"
        if not self.workers:
            return f"no worker is running; whichever starts enforces version {self.version}"
        after = f" after {self.after_ms:,} ms" if self.after_ms is not None else ""
        return (
            f"version {self.version} enforced by {self.workers - len(self.laggards)} of {self.workers} workers{after}"
        )


def receipt_of(version: PolicyVersion) -> PropagationReceipt:
    """Ask Redis who has confirmed a version."""
    try:
        told = read_receipts(str(version.policy.tenant_id))
        workers = names_of_alive_workers()
    except StoreUnavailable:
        return PropagationReceipt(version.number, is_known=False)
    announced = told.announced.get(str(version.policy_id))
    if announced is None or announced.version != version.number:
        return PropagationReceipt(version.number, is_known=True, workers=len(workers))
    return _receipt(str(version.policy_id), announced, {worker: told.receipts.get(worker) for worker in workers})


def _receipt(policy_id: str, announced: Announced, receipts: dict[str, Receipt | None]) -> PropagationReceipt:
    laggards, delays_ms = [], []
    for worker, receipt in sorted(receipts.items()):
        since_ms = receipt.enforces_since_ms(policy_id, announced) if receipt else None
        if receipt is None or since_ms is None:
            enforced = receipt.enforced.get(policy_id) if receipt else None
            laggards.append(Laggard(worker, enforced.version if enforced else 0))
        elif not receipt.began_later_than(announced.entry_id):
            delays_ms.append(max(0, since_ms - announced.announced_ms))
    return PropagationReceipt(
        announced.version,
        is_known=True,
        announced_at=datetime.fromtimestamp(announced.announced_ms / 1000, UTC),
        workers=len(receipts),
        laggards=tuple(laggards),
        after_ms=max(delays_ms, default=None),
    )
