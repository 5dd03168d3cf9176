import asyncio
import time
from dataclasses import replace as with_changes

import msgspec
import pytest
from floodgate_simulator.faults.fault import Fault

from relay.gateway.authentication import Identity
from relay.gateway.background import running_worker
from relay.store import keys
from relay.store.announcements import announce
from relay.store.client_records import WRITTEN
from relay.store.pool import blocking
from relay.store.revocations import list_revoked_tokens
from relay.store.telemetry_stream import read_records
from relay.telemetry.defects import defects
from relay.throttle.policy import PolicySnapshot
from tests.relay import records
from tests.relay.eventually import eventually, turns
from tests.relay.integration import answer_of, close_of
from tests.relay.records import hourly, policy
from tests.relay.seen import own_session, received

pytestmark = pytest.mark.asyncio
TENANT_OF_MALLORY = "0a6f5c1e-0000-4000-8000-00000000000a"


@pytest.fixture
def changed(integration):
    """Changes the record of the integration's client, and tells the relay as tenants' actions do."""

    def change(**fields):
        integration.publish(msgspec.structs.replace(integration.record, **fields))
        announce(integration.record.tenant_id)

    return change


def known_record(integration):
    """The client's record as the relay last heard it."""
    whose = Identity(integration.record.tenant_id, integration.record.client_id, "", 0.0, 0.0, frozenset())
    return integration.relay.worker.policies.known(whose)


async def code_of(refusing):
    """Status and code of a refused handshake."""
    response = await refusing
    return response.status_code, msgspec.json.decode(response.body)["code"]


async def test_s5_a_revoked_token_closes_its_connection_within_a_second_and_opens_no_other(integration):
    token, record = {"jti": "revoked-1"}, integration.record
    connection = await integration.connect(additional_headers=integration.headers(**token))

    list_revoked_tokens(record.tenant_id, {"revoked-1": time.time() + 60})
    announce(record.tenant_id)

    async with asyncio.timeout(1):
        assert await close_of(connection) == (4502, "token_revoked")
    assert (await integration.refusal(additional_headers=integration.headers(**token))).status_code == 401


async def test_a_new_name_is_shown_of_a_connection_that_stays_open(integration, changed):
    names, record = integration.relay.worker.counters.names, integration.record
    await integration.connect()
    channel_id = next(channel.id for channel in record.channels if channel.name == "echo")
    await eventually(lambda: names.channels.get(channel_id) == "echo")
    assert (names.tenants[record.tenant_id], names.clients[record.client_id]) == (record.tenant_slug, record.name)

    changed(tenant_slug="renamed", name="Web chat of old")

    await eventually(lambda: names.tenants[record.tenant_id] == "renamed")
    assert names.clients[record.client_id] == "Web chat of old"


async def test_another_token_of_the_same_client_stays_good(integration):
    connection, record = await integration.connect(), integration.record
    revoked = await integration.connect(additional_headers=integration.headers(jti="revoked-2"))

    list_revoked_tokens(record.tenant_id, {"revoked-2": time.time() + 60})
    announce(record.tenant_id)

    await close_of(revoked)
    await connection.send("still here")
    assert await answer_of(connection) == "still here"


async def test_f50_beside_records_of_a_later_release_connections_stay_and_tokens_are_revoked(integration):
    tenant_id = integration.record.tenant_id
    revoked = await integration.connect(additional_headers=integration.headers(jti="revoked-3"))
    other = await integration.connect()

    blocking().hset(keys.clients(tenant_id), WRITTEN, "3")
    list_revoked_tokens(tenant_id, {"revoked-3": time.time() + 60})
    announce(tenant_id)

    assert await close_of(revoked) == (4502, "token_revoked")
    await other.send("still here")
    assert await answer_of(other) == "still here"


async def test_all_tokens_from_before_a_moment_close_their_connections(integration, changed):
    old = await integration.connect(additional_headers=integration.headers(iat=1000.0))
    new = await integration.connect(additional_headers=integration.headers(iat=3000.0))

    changed(tokens_valid_from=2000.0)

    assert await close_of(old) == (4502, "token_revoked")
    await new.send("issued later")
    assert await answer_of(new) == "issued later"


async def test_a_disabled_client_is_closed_with_4502_and_refused_afterwards(integration, changed):
    connection = await integration.connect()

    changed(is_active=False)

    assert await close_of(connection) == (4502, "token_revoked")
    assert await code_of(integration.refusal()) == (401, "invalid_token")


async def test_a_deleted_client_is_closed_with_4502_and_refused_afterwards(integration):
    connection = await integration.connect()

    integration.publish()
    announce(integration.record.tenant_id)

    assert await close_of(connection) == (4502, "token_revoked")
    assert await code_of(integration.refusal()) == (401, "invalid_token")


async def test_a_suspended_tenant_is_closed_with_4503_and_refused_afterwards(integration, changed):
    connection = await integration.connect()

    changed(tenant_is_active=False)

    assert await close_of(connection) == (4503, "tenant_suspended")
    assert await code_of(integration.refusal()) == (403, "tenant_suspended")


async def test_a_channel_that_is_taken_away_closes_its_connections_alone(integration, changed):
    echo, orders = await integration.connect(), await integration.connect("/v2/websocket/orders?mode=echo")

    changed(channels=tuple(channel for channel in integration.record.channels if channel.name != "echo"))

    assert await close_of(echo) == (4504, "channel_forbidden")
    assert await code_of(integration.refusal()) == (403, "channel_forbidden")
    await orders.send("still here")
    assert await answer_of(orders) == "still here"


async def test_a_channel_that_comes_to_ask_for_a_scope_closes_whose_token_lacks_it(integration, changed):
    connection = await integration.connect()

    changed(channels=tuple(msgspec.structs.replace(channel, scope="chat") for channel in integration.record.channels))

    assert await close_of(connection) == (4504, "channel_forbidden")
    assert await code_of(integration.refusal()) == (403, "insufficient_scope")


async def test_a_paused_platform_connection_closes_with_4432_and_refuses_with_503(integration, changed):
    connection = await integration.connect()
    paused = msgspec.structs.replace(integration.record.channels[0].platform_connection, is_active=False)

    changed(
        channels=tuple(
            msgspec.structs.replace(channel, platform_connection=paused) for channel in integration.record.channels
        )
    )

    assert await close_of(connection) == (4432, "platform_connection_paused")
    assert await code_of(integration.refusal()) == (503, "platform_connection_paused")


@pytest.mark.parametrize("left", [True, False], ids=["another is left", "none is left"])
async def test_c2_connections_of_a_credential_that_is_withdrawn_are_closed_and_come_back_with_another(
    integration, changed, left
):
    connection = await integration.connect()
    platform = integration.record.channels[0].platform_connection
    [withdrawn] = platform.credentials
    others = (msgspec.structs.replace(withdrawn, id="another"),) if left else ()
    without = msgspec.structs.replace(platform, credentials=others)

    changed(
        channels=tuple(
            msgspec.structs.replace(channel, platform_connection=without) for channel in integration.record.channels
        )
    )

    assert await close_of(connection) == (4432, "platform_credential_withdrawn")
    if left:
        again = await integration.connect()
        await again.send("another credential")
        assert await answer_of(again) == "another credential"
    else:
        assert await code_of(integration.refusal()) == (502, "platform_credential_needed")


async def test_c2_a_credential_that_is_entered_anew_closes_no_connection(integration, changed):
    connection = await integration.connect()
    platform = integration.record.channels[0].platform_connection
    renewed = records.with_credential(platform, records.CREDENTIAL)
    assert renewed != platform

    changed(
        channels=tuple(
            msgspec.structs.replace(channel, platform_connection=renewed) for channel in integration.record.channels
        )
    )
    await eventually(lambda: known_record(integration).channels[0].platform_connection == renewed)

    await connection.send("still here")
    assert await answer_of(connection) == "still here"


async def test_a_changed_policy_frees_an_open_connection_without_a_reconnect(integration, changed, simulator):
    tight = policy(hourly(2), policy_id="p1")
    changed(policies=(tight,))
    connection = await integration.connect("/v2/websocket/orders")
    for number in range(5):
        await connection.send(f"{number}|")
    await eventually(lambda: received(simulator)["messages"] == 2)

    changed(policies=(PolicySnapshot("p1", 2, (with_changes(tight.zones[0], permits=1000, period_ns=10**9),)),))

    await eventually(lambda: received(simulator)["messages"] == 5)


async def test_a_policy_that_did_not_exist_holds_an_open_connection(integration, changed, simulator):
    client = await integration.connect_raw("/v2/websocket/orders")

    changed(policies=(policy(hourly(2)),))
    await eventually(lambda: known_record(integration).policies)
    for number in range(5):
        client.say(b"%d|" % number)

    await eventually(lambda: received(simulator)["messages"] == 2)
    await turns(0.1)
    assert received(simulator)["messages"] == 2


async def test_another_tenants_change_leaves_a_connection_alone(integration, integration_of, changed):
    mallorys = integration_of(tenant_id=TENANT_OF_MALLORY)
    connection, other = await integration.connect(), await mallorys.connect()

    changed(is_active=False)

    await close_of(connection)
    await other.send("still here")
    assert await answer_of(other) == "still here"


async def test_a_client_that_is_disabled_during_its_handshake_is_closed(integration, changed, simulator):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake", count=1))
    client = await integration.knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)

    changed(is_active=False)
    await eventually(lambda: known_record(integration) != integration.record)
    simulator.simulation.faults.remove(hang.id)

    assert await client.read_status() == 101
    assert await client.close_frame() == (4502, "token_revoked")


async def test_a_client_that_leaves_is_no_longer_among_those_to_be_told(integration):
    worker, record = integration.relay.worker, integration.record
    connection = await integration.connect()
    await eventually(lambda: worker.clients_of(record.tenant_id) == {record.client_id})

    await connection.close()

    await eventually(lambda: worker.clients_of(record.tenant_id) == set())


async def test_a_change_of_one_tenant_looks_at_its_own_connections_alone(integration, integration_of):
    worker, record, another_tenant = (
        integration.relay.worker,
        integration.record,
        integration_of(tenant_id=TENANT_OF_MALLORY),
    )
    mine, _ = await integration.connect(), await another_tenant.connect()

    [of_mine] = await eventually(lambda: worker.connections_of(record.tenant_id))
    [of_other] = await eventually(lambda: worker.connections_of(another_tenant.record.tenant_id))

    assert of_mine.identity.tenant_id != of_other.identity.tenant_id
    await mine.close()
    await eventually(lambda: not worker.connections_of(record.tenant_id))
    assert worker.connections_of(another_tenant.record.tenant_id) == [of_other]


async def test_what_was_counted_in_the_last_second_is_told_when_a_worker_ends(redis):
    async with running_worker() as worker:
        await turns(0.01)
        worker.counters.handshakes["acme", "last-second", "accepted"] += 1

    *_, (_, record) = read_records("0")
    assert "last-second" in record


async def test_a_worker_leaves_no_task_behind(redis):
    before = asyncio.all_tasks()

    async with running_worker() as worker:
        await worker.wait_until_empty()

    assert asyncio.all_tasks() == before
    assert worker.http.closed


async def test_f7_a_worker_without_redis_starts_and_ends(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    async with running_worker() as worker:
        assert worker.clients_of("anybody") == set()


async def test_a_client_whose_tenant_changes_during_its_handshake_is_connected(integration, changed, simulator):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake", count=1))
    client = await integration.knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)

    changed(name="Renamed")
    await eventually(lambda: known_record(integration) != integration.record)
    simulator.simulation.faults.remove(hang.id)

    assert await client.read_status() == 101
    client.say(b"welcome")
    assert await client.frame() == (0x81, b"welcome")


async def test_sixty_handshakes_at_once_of_a_client_that_nobody_knows_yet_are_all_let_in(integration):
    connections = await asyncio.gather(*(integration.connect_raw() for _ in range(60)))  # each was answered 101

    assert len(connections) == 60


def fail(*_arguments):
    raise ValueError("a defect")


async def test_a_session_that_can_not_follow_a_change_ends_and_no_other(integration, changed):
    broken, _ = await integration.connect_raw(), await eventually(lambda: own_session(integration))
    vars(own_session(integration))["adopt"] = fail
    others, before = [await integration.connect() for _ in range(2)], defects().get("policy change", 0)

    changed(name="Renamed")

    await broken.end()
    assert defects()["policy change"] == before + 1
    changed(is_active=False)
    for other in others:
        assert await close_of(other) == (4502, "token_revoked")
