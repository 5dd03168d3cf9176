"""Changes to tenants. They are never deleted: their log and published policies stay."""

from collections.abc import Mapping
from typing import TypedDict

from django.db import transaction

from tenants.actions.audit import AuditEvent, record
from tenants.actions.changes import change_fields, locked, refuse_other_fields
from tenants.models.members import User
from tenants.models.policies import ThrottlePolicy
from tenants.models.tenants import Tenant
from tenants.snapshots import publish_on_commit


class TenantFields(TypedDict, total=False):
    """What can be changed of a tenant."""

    name: str
    slug: str
    throttle_policy: ThrottlePolicy | None


@transaction.atomic
def create_tenant(*, name: str, slug: str, acting_user: User) -> Tenant:
    """Found a tenant, without members yet.

    Raises:
        ValidationError: name or slug is taken or malformed.
    """
    tenant = Tenant(name=name, slug=slug)
    tenant.full_clean()
    tenant.save()
    record(AuditEvent.TENANT_CREATED, tenant, acting_user, tenant_id=tenant.pk)
    return tenant


@transaction.atomic
def change_tenant(tenant: Tenant, values: Mapping[str, object], *, acting_user: User) -> Tenant:
    """Change name, slug or the limits that all its clients share: open connections follow within a second.

    Raises:
        ValidationError: the tenant makes no sense with them.
    """
    refuse_other_fields(values, TenantFields)
    tenant = locked(Tenant.objects, tenant)
    changes = change_fields(tenant, values)
    record(AuditEvent.TENANT_CHANGED, tenant, acting_user, tenant_id=tenant.pk, changes=changes)
    publish_on_commit(tenant.pk)
    return tenant


@transaction.atomic
def suspend_tenant(tenant: Tenant, *, acting_user: User) -> Tenant:
    """Switch a tenant off: no tokens, and its open connections are closed within a second (4503)."""
    return _set_active(tenant, acting_user, AuditEvent.TENANT_SUSPENDED, is_active=False)


@transaction.atomic
def resume_tenant(tenant: Tenant, *, acting_user: User) -> Tenant:
    """Switch a suspended tenant on again; its clients may connect at once, with the tokens they have."""
    return _set_active(tenant, acting_user, AuditEvent.TENANT_RESUMED, is_active=True)


def _set_active(tenant: Tenant, acting_user: User, event: AuditEvent, *, is_active: bool) -> Tenant:
    tenant = locked(Tenant.objects, tenant)
    changes = change_fields(tenant, {"is_active": is_active})
    record(event, tenant, acting_user, tenant_id=tenant.pk, changes=changes)
    publish_on_commit(tenant.pk)
    return tenant
