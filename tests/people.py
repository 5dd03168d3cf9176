"""The people of all tests: Alice owns Acme, Bob only looks at it, Mallory owns Umbrella, root administers Floodgate."""

from tenants.models.members import Member, User
from tenants.models.tenants import Tenant
from tests.tenants.factories import MemberFactory, UserFactory


def owner(name: str, tenant: Tenant) -> User:
    """Somebody who may do everything in one tenant, and nothing elsewhere."""
    return _member(name, tenant, Member.Role.OWNER)


def viewer(name: str, tenant: Tenant) -> User:
    """Somebody who may only look at one tenant."""
    return _member(name, tenant, Member.Role.VIEWER)


def administrator(name: str) -> User:
    """Somebody who may do everything everywhere."""
    return UserFactory.create(username=name, is_staff=True, is_superuser=True)


def _member(name: str, tenant: Tenant, role: str) -> User:
    person = UserFactory.create(username=name)
    MemberFactory.create(user=person, tenant=tenant, role=role)
    return person
