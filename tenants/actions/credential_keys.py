"""Puts stored credentials under the first key, a batch at a time, so that a former key can be taken away."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from tenants.actions.audit import AuditEvent, record
from tenants.encryption import CredentialUnreadable, encrypt_anew, is_under_first_key
from tenants.models.platform_credentials import PlatformCredential
from tenants.models.tenants import Tenant
from tenants.snapshots import publish_on_commit

BATCH = 100  # credentials that one transaction keeps from others


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of one batch."""

    looked_at: int
    encrypted_anew: int
    unreadable: tuple[str, ...] = ()  # tenant and name of each


def count_credentials() -> int:
    """How many are stored."""
    return PlatformCredential.objects.count()


def rotate_credentials(batch: int = BATCH) -> Iterator[Rotated]:
    """Encrypt every stored credential under the first key, those of one tenant after the other's.

    Each batch is a transaction of its own: whatever ends this, what was yielded is done, and the next call skips it.
    """
    for tenant in Tenant.objects.order_by("pk"):
        ids = list(PlatformCredential.objects.filter(tenant=tenant).order_by("pk").values_list("pk", flat=True))
        for start in range(0, len(ids), batch):
            yield _rotate(tenant, ids[start : start + batch])


@transaction.atomic
def _rotate(tenant: Tenant, ids: list[UUID]) -> Rotated:
    done, unreadable = 0, []
    rows = PlatformCredential.objects.filter(pk__in=ids).select_related("platform_connection")
    for row in rows.select_for_update(of=("self",)):
        if is_under_first_key(row.encrypted_secret):
            continue
        try:
            row.encrypted_secret = encrypt_anew(row.encrypted_secret)
        except CredentialUnreadable:
            unreadable.append(f"{tenant}: {row.full_name}")
            continue
        row.save(update_fields=["encrypted_secret"])
        done += 1
    if done:
        changes = {"credentials": ("", f"{done} encrypted under the first key")}
        record(AuditEvent.CREDENTIALS_ENCRYPTED_ANEW, tenant, None, tenant_id=tenant.pk, changes=changes)
        publish_on_commit(tenant.pk)
    return Rotated(len(ids), done, tuple(unreadable))
