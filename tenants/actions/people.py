"""Changes to people's accounts. What they may do in a tenant is in members.py."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
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


ADMINISTERS = ("is_active", "is_staff", "is_superuser")  # an administrator has them all
LAST_ADMINISTRATOR = "This is the last administrator. Make somebody else an administrator first."


@transaction.atomic
def create_person(*, acting_user: User, **values: Unpack[PersonFields]) -> User:
    """Make an account; nobody can log in with it before it has a password.

    Raises:
        ValidationError: the name is taken, or a value makes no sense.
    """
    person = User()
    person.set_unusable_password()
    changes = change_fields(person, values)
    record(AuditEvent.PERSON_CREATED, person, acting_user, tenant_id="", changes=changes)
    return person


@transaction.atomic
def change_person(person: User, values: Mapping[str, object], *, acting_user: User) -> User:
    """Change an account; who is no longer active is logged out at their next request.

    Raises:
        ValidationError: the account makes no sense with them, or nobody could administer Floodgate any more.
    """
    refuse_other_fields(values, PersonFields)
    if not all(values.get(field, True) for field in ADMINISTERS):
        _refuse_last_administrator(person)
    person = locked(User.objects, person)
    changes = change_fields(person, values)
    record(AuditEvent.PERSON_CHANGED, person, acting_user, tenant_id="", changes=changes)
    return person


@transaction.atomic
def set_password(person: User, password: str, *, acting_user: User) -> User:
    """Give a person another password; their log-ins elsewhere end."""
    person = locked(User.objects, person)
    person.set_password(password)
    person.save()
    record(AuditEvent.PASSWORD_SET, person, acting_user, tenant_id="")
    return person


def _refuse_last_administrator(person: User) -> None:
    """Keep all administrators' rows, in one order: of two who demote each other, the second finds itself alone."""
    administrators = User.objects.select_for_update().filter(**dict.fromkeys(ADMINISTERS, True)).order_by("pk")
    if [administrator.pk for administrator in administrators] == [person.pk]:
        raise ValidationError(LAST_ADMINISTRATOR)
