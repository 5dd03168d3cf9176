"""Changes to people's accounts. What they may do in a tenant is in members.py."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from django.db import transaction

from tenants.actions.audit import AuditEvent, record
from tenants.actions.changes import change_fields, locked, refuse_other_fields
from tenants.models.members import User


class PersonFields(TypedDict, total=False):
    """What can be changed of a person's account."""

    username: str
    email: str
    first_name: str
    last_name: str
    is_active: bool
    is_staff: bool
    is_superuser: bool


@transaction.atomic
def create_person(*, password: str | None, acting_user: User, **values: Unpack[PersonFields]) -> User:
    """Make an account; without a password, nobody can log in with it until one is set.

    Raises:
        ValidationError: the name is taken, or a value makes no sense.
    """
    person = User()
    person.set_password(password)
    changes = change_fields(person, values)
    record(AuditEvent.PERSON_CREATED, person, acting_user, tenant_id="", changes=changes)
    return person


@transaction.atomic
def change_person(person: User, values: Mapping[str, object], *, acting_user: User) -> User:
    """Change an account; who is no longer active is logged out at their next request.

    Raises:
        ValidationError: the account makes no sense with them.
    """
    refuse_other_fields(values, PersonFields)
    person = locked(User.objects, person)
    changes = change_fields(person, values)
    record(AuditEvent.PERSON_CHANGED, person, acting_user, tenant_id="", changes=changes)
    return person


def record_password_change(person: User, *, acting_user: User) -> None:
    """Say in the audit log that a person's password was set; Django's own form sets it and ends their log-ins."""
    record(AuditEvent.PASSWORD_SET, person, acting_user, tenant_id="")
