from uuid import uuid4

import pytest

from relay.store.open_connections import read_open
from relay.store.pool import StoreUnavailable, blocking, on_loop
from relay.store.workers import beat
from relay.telemetry.open_connections import MOST_AT_ONCE, OpenConnections
from tests.relay.eventually import eventually

pytestmark = pytest.mark.asyncio
WORKER, TENANT = "host-1", str(uuid4())


async def test_redis_is_told_of_what_opens_and_closes(redis, redis_on_loop):
    connections = OpenConnections()
    await beat(redis_on_loop, WORKER, "")
    connections.opened(TENANT, "orders", "a")
    connections.opened(TENANT, "orders", "a")

    await connections.tell(redis_on_loop, WORKER)
    assert read_open(TENANT) == {("orders", "a"): 2}

    for _ in range(2):
        connections.closed(TENANT, "orders", "a")
    await connections.tell(redis_on_loop, WORKER)
    assert not read_open(TENANT)


async def test_a_tenant_that_could_not_be_told_of_is_told_next_time(redis, redis_on_loop, settings):
    connections = OpenConnections()
    await beat(redis_on_loop, WORKER, "")
    connections.opened(TENANT, "orders", "a")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    away = on_loop()
    with pytest.raises(StoreUnavailable):
        await connections.tell(away, WORKER)
    await away.aclose()

    await connections.tell(redis_on_loop, WORKER)

    assert read_open(TENANT) == {("orders", "a"): 1}


async def test_of_many_tenants_each_has_its_turn(redis, redis_on_loop):
    connections, tenants = OpenConnections(), [str(uuid4()) for _ in range(MOST_AT_ONCE + 1)]
    await beat(redis_on_loop, WORKER, "")
    for tenant_id in tenants:
        connections.opened(tenant_id, "orders", "a")

    await connections.tell(redis_on_loop, WORKER)
    assert sum(bool(read_open(tenant_id)) for tenant_id in tenants) == MOST_AT_ONCE

    await connections.tell(redis_on_loop, WORKER)
    assert all(read_open(tenant_id) for tenant_id in tenants)


async def test_what_redis_lost_is_told_again(redis, redis_on_loop):
    connections = OpenConnections()
    connections.opened(TENANT, "orders", "a")
    await connections.tell(redis_on_loop, WORKER)
    blocking().flushall()
    await beat(redis_on_loop, WORKER, "")

    connections.tell_all_again()
    await connections.tell(redis_on_loop, WORKER)

    assert read_open(TENANT) == {("orders", "a"): 1}


async def test_a_relay_tells_what_is_open(integration):
    tenant_id = integration.record.tenant_id
    connection = await integration.connect("/v2/websocket/orders")
    [channel_id] = [channel.id for channel in integration.record.channels if channel.name == "orders"]
    await eventually(lambda: read_open(tenant_id) == {(channel_id, integration.record.client_id): 1})

    await connection.close()

    await eventually(lambda: not read_open(tenant_id))
