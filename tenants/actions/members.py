"""Changes to who belongs to a tenant. The relay knows no people, so nothing is announced."""

from django.core.exceptions import ValidationError
from django.db import transaction

from tenants.actions.audit import AuditEvent, record
from tenants.actions.changes import change_fields, locked
from tenants.models.members import Member, User
from tenants.models.tenants import Tenant

LAST_OWNER = "This is the tenant's last owner. Make somebody else an owner first."


@transaction.atomic
def add_member(tenant: Tenant, user: User, *, role: str, acting_user: User) -> Member:
    """Let a person into a tenant.

    Raises:
        ValidationError: they are in it already, or there is no such role.
    """
    member = Member(tenant=tenant, user=user, role=role)
    member.full_clean()
    member.save()
    record(AuditEvent.MEMBER_ADDED, member, acting_user, tenant_id=tenant.pk, changes={"role": ("", role)})
    return member


@transaction.atomic
def change_role(member: Member, *, role: str, acting_user: User) -> Member:
    """Give a member another role; it counts at their next request.

    Raises:
        ValidationError: there is no such role, or the tenant would be left without an owner.
    """
    member = locked(Member.objects, member)
    if role != Member.Role.OWNER:
        _refuse_last_owner(member)
    changes = change_fields(member, {"role": role})
    record(AuditEvent.MEMBER_ROLE_CHANGED, member, acting_user, tenant_id=member.tenant_id, changes=changes)
    return member


@transaction.atomic
def remove_member(member: Member, *, acting_user: User) -> None:
    """Take a person out of a tenant.

    Raises:
        ValidationError: the tenant would be left without an owner.
    """
    member = locked(Member.objects, member)
    _refuse_last_owner(member)
    record(
        AuditEvent.MEMBER_REMOVED, member, acting_user, tenant_id=member.tenant_id, changes={"role": (member.role, "")}
    )
    member.delete()


def _refuse_last_owner(member: Member) -> None:
    owners = Member.objects.select_for_update().filter(tenant_id=member.tenant_id, role=Member.Role.OWNER)
    if member.role == Member.Role.OWNER and len(owners) == 1:
        raise ValidationError(LAST_OWNER)
