import asyncio
import time

import msgspec
import pytest

from relay.process.tasks import end_tasks
from relay.store.announcements import EVERY_TENANT, announce, changed_tenants
from relay.store.caps import Held, Holding, Newcomer, Result, Who, enter, hold
from relay.store.client_records import load_record, replace_records
from relay.store.cluster import is_cluster, open_cluster_on_loop
from relay.store.leases import LeaseRequest, take_leases
from relay.store.pool import StoreUnavailable, answer_to, blocking, on_loop
from relay.store.revocations import list_revoked_tokens, load_revoked_tokens
from relay.store.telemetry_stream import append_record, forget_records, read_on, read_records
from relay.store.workers import beat, names_of_alive_workers
from relay.throttle.granting import Ask, Terms
from relay.throttle.policy import Beyond, Counted, Scope, ZonePolicy
from relay.throttle.zones import ZoneKey
from tests.relay import records
from tests.relay.eventually import eventually, turns

pytestmark = pytest.mark.asyncio
KEY = ZoneKey(Scope.TENANT, "acme", "policy", "tenant")
TERMS = Terms.of(ZonePolicy(name="tenant", permits=400, burst=40, delay=40))
HANDSHAKES = ZonePolicy(name="handshakes", counted=Counted.HANDSHAKES, permits=5, beyond=Beyond.REJECT)
CONNECTIONS = ZonePolicy(name="connections", counted=Counted.OPEN_CONNECTIONS, permits=2, beyond=Beyond.REJECT)
GIVEN_UP_SECONDS = 2.0


async def granted(redis_on_loop, tenant_id, worker="1"):
    """How many permits are granted of many that are wanted."""
    answers = await take_leases(redis_on_loop, tenant_id, worker, "", [LeaseRequest(KEY, TERMS, Ask(1, 1000))])
    return answers.answers[0].grant.permits


async def entered(redis_on_loop, tenant_id, held=0):
    """What becomes of one connection."""
    cap = Held(KEY._replace(name="connections"), held, CONNECTIONS.permits)
    newcomer = Newcomer(((KEY, HANDSHAKES),), (cap,))
    [entry] = (await enter(redis_on_loop, Who(tenant_id, "1", ""), [newcomer])).each
    return entry.result


async def listen(heard):
    """Write down whose control data changed, in order."""
    async for tenant_id, _ in changed_tenants():
        heard.append(tenant_id)


async def test_tenants_lie_on_all_nodes(cluster, redis_on_loop):
    for tenant_id in cluster.tenants():
        await granted(redis_on_loop, tenant_id)

    assert [node.dbsize() for node in cluster.nodes] == [2, 2, 2]


async def test_leases_are_granted_to_each_tenant_on_its_node(cluster, redis_on_loop):
    tenants = cluster.tenants()

    first = [await granted(redis_on_loop, tenant_id) for tenant_id in tenants]

    assert all(permits > TERMS.fits(TERMS.delay_us) for permits in first)
    assert all(
        [
            await granted(redis_on_loop, tenant_id, "2") < permits
            for tenant_id, permits in zip(tenants, first, strict=True)
        ]
    )


async def test_caps_and_handshakes_are_counted_for_each_tenant_on_its_node(cluster, redis_on_loop):
    for tenant_id in cluster.tenants():
        assert [await entered(redis_on_loop, tenant_id, held) for held in range(2)] == [Result.IN, Result.REJECTED]
        held = [Held(KEY._replace(name="connections"), 2, 2)]
        assert (await hold(redis_on_loop, Who(tenant_id, "1", ""), held))[1] == [Holding(0, 2)]
        assert await entered(redis_on_loop, tenant_id, 2) is Result.FULL


async def test_records_are_replaced_in_one_step_on_each_node(cluster, redis_on_loop):
    client = records.client(records.platform_connection("https://platform.example"))
    for tenant_id in cluster.tenants():
        record = msgspec.structs.replace(client, tenant_id=tenant_id)
        replace_records(tenant_id, [record])
        assert await load_record(redis_on_loop, tenant_id, record.client_id) == record


async def test_tokens_are_revoked_on_each_node(cluster, redis_on_loop):
    for tenant_id in cluster.tenants():
        list_revoked_tokens(tenant_id, {"first": time.time() + 600})
        assert await load_revoked_tokens(redis_on_loop, tenant_id) == {"first"}


async def test_announcements_are_heard(cluster):
    heard = []
    task = asyncio.create_task(listen(heard))
    await eventually(lambda: heard)
    tenants = cluster.tenants()
    for tenant_id in tenants:
        announce(tenant_id)

    await eventually(lambda: tenants[-1] in heard)
    await end_tasks([task])
    assert heard == [EVERY_TENANT, *tenants]


async def test_records_of_telemetry_are_appended_read_and_forgotten(cluster, redis_on_loop):
    for number in range(3):
        await append_record(redis_on_loop, str(number).encode())

    position = read_records("0")[-1][0]

    assert [record for _, record in read_on("0", 10).records] == ["0", "1", "2"]
    assert forget_records(position) == 0


async def test_workers_count_one_another(cluster, redis_on_loop):
    assert [len((await beat(redis_on_loop, worker, "")).alive) for worker in "121"] == [1, 2, 2]
    assert sorted(names_of_alive_workers()) == ["1", "2"]


async def test_the_cluster_answers_who_asks_whether_it_is_there(cluster, redis_on_loop):
    assert blocking().ping()
    assert await answer_to(redis_on_loop.ping)


async def test_f16_a_script_that_the_nodes_forgot_runs_all_the_same(cluster, redis_on_loop):
    tenants = cluster.tenants()
    for _ in range(2):
        for node in cluster.nodes:
            node.script_flush()
        assert all([await granted(redis_on_loop, tenant_id) >= 0 for tenant_id in tenants])


async def test_a_slot_that_moved_to_another_node_is_found_there(cluster, redis_on_loop):
    tenant_id = cluster.tenants()[0]
    await redis_on_loop.ping()
    cluster.move_slot_of(tenant_id, to=1)

    assert await granted(redis_on_loop, tenant_id)

    assert cluster.nodes[1].dbsize() == 2
    cluster.nodes[1].flushall()
    cluster.move_slot_of(tenant_id, to=0)


async def test_f9_a_node_that_hangs_is_given_up_on_soon_and_used_again_when_it_is_back(cluster, redis_on_loop):
    tenant_id = cluster.tenants()[2]
    assert await granted(redis_on_loop, tenant_id)

    with cluster.frozen(2):
        async with asyncio.timeout(GIVEN_UP_SECONDS):
            with pytest.raises(StoreUnavailable):
                await granted(redis_on_loop, tenant_id)
        with pytest.raises(StoreUnavailable):
            list_revoked_tokens(tenant_id, {"first": time.time() + 600})

    await eventually_granted(redis_on_loop, tenant_id)
    list_revoked_tokens(tenant_id, {"first": time.time() + 600})


async def eventually_granted(redis_on_loop, tenant_id):
    """Ask until the node answers again."""
    async with asyncio.timeout(GIVEN_UP_SECONDS):
        while True:
            try:
                return await granted(redis_on_loop, tenant_id)
            except StoreUnavailable:
                continue


async def test_f9_while_one_node_hangs_the_tenants_of_the_others_go_on(cluster, redis_on_loop):
    tenants = cluster.tenants()
    await redis_on_loop.ping()

    with cluster.frozen(2):
        assert [await granted(redis_on_loop, tenant_id) > 0 for tenant_id in tenants[:2]] == [True, True]


@pytest.mark.parametrize("hosts", ["127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2"])
async def test_f7_where_no_node_listens_the_store_is_unavailable(settings, hosts):
    settings.REDIS_URL = f"redis+cluster://:canary-password@{hosts}"
    blocking.cache_clear()
    opened = on_loop()

    with pytest.raises(StoreUnavailable) as on_threads:
        blocking()
    with pytest.raises(StoreUnavailable) as on_the_loop:
        await opened.ping()
    with pytest.raises(StoreUnavailable):
        await beat(opened, "1", "")

    await opened.aclose()
    assert "canary-password" not in f"{on_threads.value} {on_the_loop.value}"


async def test_one_node_that_listens_is_enough_to_find_the_others(cluster, settings):
    settings.REDIS_URL = f"redis+cluster://127.0.0.1:1,127.0.0.1:{cluster.servers[1].port}"
    blocking.cache_clear()
    opened = on_loop()

    permits = [await granted(opened, tenant_id) for tenant_id in cluster.tenants()]
    await opened.aclose()

    assert all(permits)
    assert blocking().ping()


async def test_a_storm_of_calls_waits_instead_of_opening_a_connection_for_each(cluster):
    opened = open_cluster_on_loop(cluster.url, at_once=4, patience_seconds=5.0, socket_timeout=5.0)
    await opened.ping()
    before = connections(cluster)

    await asyncio.gather(*(opened.get(f"{{acme}}:{number}") for number in range(200)))

    assert connections(cluster) - before <= 4
    await opened.aclose()


async def test_a_call_that_waits_for_too_long_is_given_up(cluster):
    opened = open_cluster_on_loop(cluster.url, at_once=1, patience_seconds=0.05, socket_timeout=5.0)
    await opened.ping()

    slow = asyncio.create_task(opened.xread({"silent": "0"}, block=500))
    await turns(0)
    with pytest.raises(StoreUnavailable):
        await opened.get("anything")

    await slow
    await opened.aclose()


def connections(cluster):
    """How many connections all nodes have."""
    return sum(len(node.client_list()) for node in cluster.nodes)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+cluster://one:7000,two:7001", [("one", 7000), ("two", 7001)]),
        ("redis+cluster://one", [("one", 6379)]),
        ("rediss+cluster://who:secret@one:7000,two", [("one", 7000), ("two", 6379)]),
    ],
)
async def test_a_url_names_one_node_or_several(url, expected):
    opened = open_cluster_on_loop(url, at_once=1, patience_seconds=1.0)

    assert is_cluster(url)
    assert [(node.host, node.port) for node in opened.startup_nodes] == expected
    assert opened.connection_kwargs["password"] == ("secret" if "secret" in url else None)
    assert ("ssl_cert_reqs" in opened.connection_kwargs) == url.startswith("rediss")


@pytest.mark.parametrize("url", ["redis://one:7000", "rediss://one", "unix:///run/redis.sock"])
async def test_other_urls_lead_to_no_cluster(url):
    assert not is_cluster(url)
