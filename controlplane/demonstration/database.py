"""Brings the demo's database up to date: its form, its people, and the tenants of the scenario. Runs at every start."""

import secrets

from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from controlplane.demonstration.credentials import Credentials, load_credentials, store_credentials
from controlplane.demonstration.environment import Demonstration
from controlplane.demonstration.scenario import ADMINISTRATOR, OWNED_TENANT, OWNER, TENANTS, Limit
from controlplane.demonstration.seed import TenantSeed, limit_in_force
from relay.store.pool import StoreUnavailable, blocking
from tenants.actions.members import add_member
from tenants.models.clients import OAuthClient
from tenants.models.members import Member, User
from tenants.snapshots import publish_on_commit

PASSWORD_BYTES = 12


class DatabaseUnusable(Exception):
    """The kept database is of another version or damaged; the text says what to do."""


def is_current(demonstration: Demonstration) -> bool:
    """Whether the database has the form that this code expects.

    Raises:
        DatabaseUnusable: it can't be read.
    """
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise _unusable(demonstration, error) from error


def fill(demonstration: Demonstration) -> Credentials:
    """Fill the database with what is missing, give Redis what relays need, and write credentials.json.

    Raises:
        DatabaseUnusable: it can't be filled.
        OSError: the folder can't be written.
    """
    try:
        credentials = _fill(demonstration, load_credentials(demonstration.credentials_file))
    except DatabaseError as error:
        raise _unusable(demonstration, error) from error
    store_credentials(demonstration.credentials_file, credentials)
    return credentials


def store_answers() -> bool:
    """Whether Redis answers."""
    try:
        return bool(blocking().ping())
    except StoreUnavailable:
        return False


def limits_in_force() -> dict[str, Limit]:
    """The limit on each client's messages at present, by the client's id: visitors may change it meanwhile."""
    limits = {client.client_id: limit_in_force(client) for client in OAuthClient.objects.all()}
    return {client_id: limit for client_id, limit in limits.items() if limit}


def _unusable(demonstration: Demonstration, error: DatabaseError) -> DatabaseUnusable:
    sentence = f"The database in {demonstration.directory} can't be used: {error}."
    return DatabaseUnusable(f"{sentence} Delete that folder and start again.")


@transaction.atomic
def _fill(demonstration: Demonstration, kept: Credentials | None) -> Credentials:
    administrator, password = _person(ADMINISTRATOR, kept.password if kept else "", is_administrator=True)
    owner, owner_password = _person(OWNER, kept.owner_password if kept else "", is_administrator=False)
    kept_clients = {client.name: client for client in kept.clients} if kept else {}
    clients = []
    for part in TENANTS:
        seed = TenantSeed(part, demonstration, administrator)
        tenant = seed.tenant()
        clients += seed.clients(tenant, kept_clients)
        publish_on_commit(tenant.pk)  # the demo's Redis begins empty
        if part is OWNED_TENANT and not Member.objects.filter(tenant=tenant, user=owner).exists():
            add_member(tenant, owner, role=Member.Role.OWNER, acting_user=administrator)
    return Credentials(
        token_url=f"{demonstration.web_url}/oauth/token",
        relay_url=demonstration.relay_url,
        operations_url=demonstration.operations_urls[0],
        portal_url=f"{demonstration.web_url}/",
        admin_url=f"{demonstration.web_url}/admin/",
        simulator_url=demonstration.simulator_url,
        user=administrator.username,
        password=password,
        owner_user=owner.username,
        owner_password=owner_password,
        clients=clients,
    )


def _person(username: str, kept_password: str, *, is_administrator: bool) -> tuple[User, str]:
    """A person and their password: the one of a former start while it is right, else another."""
    person = User.objects.filter(username=username).first()
    if person and kept_password and person.check_password(kept_password):
        return person, kept_password
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    person = person or User(username=username, email=username if "@" in username else f"{username}@floodgate.example")
    person.is_staff = person.is_superuser = is_administrator
    person.set_password(password)
    person.save()
    return person, password
