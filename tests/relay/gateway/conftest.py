"""What a test has of its own, for what would disturb the others: a relay, a client in the database, its server."""

import psycopg
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connection, connections

from relay.gateway.policies import Policies
from relay.store.pool import on_loop
from tests.relay.gateway.audience import Audience
from tests.relay.running import running_relay
from tests.tenants.factories import ClientFactory


@pytest.fixture
def mortal_relay(relays_redis_url, store):
    """A relay that the test may end; its Redis is that of the lasting one."""
    with running_relay(relays_redis_url) as running:
        yield running


@pytest.fixture
def stored_client(transactional_db, redis):
    """A client in the database, of which Redis knows nothing."""
    return ClientFactory.create()


@pytest.fixture
def database_server(stored_client):
    """Runs SQL beside the database, which {} stands for; afterwards it lets us in again."""
    asked = connection.get_connection_params()
    where = {name: asked[name] for name in ("host", "port", "user", "password") if name in asked}
    connection.close()
    with psycopg.connect(dbname="postgres", autocommit=True, **where) as postgres:
        yield lambda statement: postgres.execute(statement.format(asked["dbname"]))
        postgres.execute(f'ALTER DATABASE "{asked["dbname"]}" ALLOW_CONNECTIONS true')
    connection.close_pool()


@pytest.fixture
def locked_tenant(stored_client):
    """A transaction that keeps the client's tenant from everybody else."""
    asked = connection.get_connection_params()
    where = {name: asked[name] for name in ("host", "port", "user", "password", "dbname") if name in asked}
    with psycopg.connect(**where) as holding:
        holding.execute("SELECT 1 FROM tenants_tenant FOR UPDATE")
        yield holding
    connection.close_pool()


@pytest.fixture
def audience():
    return Audience()


@pytest_asyncio.fixture
async def policies(audience):
    """What a relay process knows: nothing yet."""
    redis_on_loop = on_loop()
    yield Policies(redis_on_loop, "7-5f1c", audience)
    await redis_on_loop.aclose()
    await sync_to_async(connections.close_all, thread_sensitive=False)()  # those of a rebuild's thread
