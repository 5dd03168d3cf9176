import asyncio
import os
import signal
import time

import pytest
from channels.db import database_sync_to_async

from relay.throttle.policy import SECOND_NS, Beyond, Counted, Scope, ZonePolicy
from tenants.actions.policies import create_draft, publish_version, set_zones
from tenants.receipts import receipt_of
from tenants.snapshots import build_records, publish_records
from tests.faults.ground.sender import Crowd
from tests.load.simulator import stats
from tests.relay import records
from tests.relay.eventually import turns
from tests.tenants.factories import ChannelFactory, ClientFactory, PolicyFactory, TenantFactory

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.soak,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
]
PROCESSES, CONNECTIONS, TIMES = 4, 24, 100
IN_FORCE_SECONDS, ON_ITS_WAY_SECONDS, SILENCE_SECONDS, PATIENCE_SECONDS = 1.0, 0.1, 0.3, 10.0
FLOWING = ZonePolicy(name="connection", scope=Scope.CONNECTION, permits=20)
SILENT = ZonePolicy(name="connection", scope=Scope.CONNECTION, permits=1, period_ns=3600 * SECOND_NS)
ROOM = ZonePolicy(
    name="credential_connections",
    scope=Scope.CREDENTIAL,
    counted=Counted.OPEN_CONNECTIONS,
    permits=CONNECTIONS,
    beyond=Beyond.REJECT,
)


class Publishing:
    """A policy whose versions are published while its client sends on many connections."""

    def __init__(self, policy, user, platform):
        self.policy, self.user, self.platform = policy, user, platform
        self.published_at = 0.0

    @database_sync_to_async
    def publish(self, zone):
        """Put a version with this zone in force; answers it. The default for a credential has too little room."""
        draft = set_zones(create_draft(self.policy, acting_user=self.user), [zone, ROOM], acting_user=self.user)
        self.published_at = time.monotonic()
        return publish_version(draft, acting_user=self.user)

    async def receipt(self, version, is_awaited):
        """The receipt of a version, as soon as it is as it should be."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_awaited(receipt := await database_sync_to_async(receipt_of)(version)):
                await turns(0.02)
        return receipt

    async def received(self):
        """How many messages of each open connection came to the platform."""
        counts = await asyncio.to_thread(stats, self.platform)
        return {row["connection"]: row["messages"] for row in counts["by_connection"] if row["open"]}


@pytest.fixture
def made(root, platform_of, faults_redis_url):
    """The policy, and headers that show a token of its client."""
    platform, _ = platform_of()
    policy = PolicyFactory.create(tenant=TenantFactory.create(), name="Web chat")
    channel = ChannelFactory.create(
        tenant=policy.tenant,
        name="orders",
        platform_connection__token_url=f"http://127.0.0.1:{platform}/oauth/token",
        platform_connection__socket_url=f"ws://127.0.0.1:{platform}/v2/websocket/{{channel}}",
        platform_connection__credential__encrypted_secret=records.platform_connection(f"http://127.0.0.1:{platform}")
        .credentials[0]
        .encrypted_secret,
    )
    ClientFactory.create(tenant=policy.tenant, throttle_policy=policy).channels.add(channel)
    draft = set_zones(create_draft(policy, acting_user=root), [FLOWING, ROOM], acting_user=root)
    publish_version(draft, acting_user=root)
    publish_records(policy.tenant_id)
    [client] = build_records(policy.tenant)
    return Publishing(policy, root, platform), {"Authorization": f"Bearer {records.token_of(client)}"}


async def connected(publishing, relay, headers):
    """Clients that send, once all are connected."""
    crowd = Crowd(publishing.platform, lambda: headers)
    crowd.join(relay.url, CONNECTIONS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(await publishing.received()) < CONNECTIONS:
            await turns(0.1)
    return crowd


async def all_flow(publishing):
    """Wait until something more came of each connection."""
    before = await publishing.received()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(count <= before.get(one, 0) for one, count in (await publishing.received()).items()):
            await turns(0.02)
    return before


async def test_f17_what_is_published_under_load_is_in_force_on_every_open_connection_within_a_second_and_said_so(
    relay_of, made, told
):
    publishing, headers = made
    relay = relay_of(processes=PROCESSES)
    crowd = await connected(publishing, relay, headers)
    slowest_ms, slowest_seconds = 0, 0.0

    for number in range(TIMES):
        version = await publishing.publish(FLOWING if number % 2 else SILENT)
        receipt = await publishing.receipt(version, lambda receipt: receipt.is_complete)
        took_seconds = time.monotonic() - publishing.published_at
        assert receipt.workers == PROCESSES
        assert took_seconds <= IN_FORCE_SECONDS
        slowest_ms, slowest_seconds = max(slowest_ms, receipt.after_ms), max(slowest_seconds, took_seconds)
        if number % 2:
            assert len(await all_flow(publishing)) == CONNECTIONS
        else:
            await turns(ON_ITS_WAY_SECONDS)
            before = await publishing.received()
            await turns(SILENCE_SECONDS)
            assert await publishing.received() == before
            assert len(before) == CONNECTIONS

    await crowd.abandon()
    told(f"published {TIMES} times: by the receipts after {slowest_ms} ms at most, read after {slowest_seconds:.2f} s")


@pytest.mark.conformance
async def test_twin_of_f17_a_relay_that_holds_open_connections_to_nothing_new_is_found_out(relay_of, made):
    publishing, headers = made
    relay = relay_of(processes=PROCESSES, broken="apply_change")
    crowd = await connected(publishing, relay, headers)
    await all_flow(publishing)

    await publishing.publish(SILENT)
    await turns(IN_FORCE_SECONDS)
    before = await publishing.received()
    await turns(SILENCE_SECONDS)

    assert await publishing.received() != before
    await crowd.abandon()


async def test_a_process_that_does_not_enforce_what_was_published_is_named_until_it_does(relay_of, made):
    publishing, headers = made
    relay = relay_of(processes=PROCESSES)
    crowd = await connected(publishing, relay, headers)
    await publishing.receipt(await publishing.publish(SILENT), lambda receipt: receipt.is_complete)
    stopped, *_ = relay.children()
    os.kill(stopped, signal.SIGSTOP)
    try:
        version = await publishing.publish(FLOWING)
        receipt = await publishing.receipt(version, lambda receipt: len(receipt.laggards) == 1)
    finally:
        os.kill(stopped, signal.SIGCONT)

    assert receipt.laggards[0].worker.startswith(f"{stopped}-")
    assert receipt.sentence.startswith(f"version {version.number} enforced by 3 of 4 workers after ")
    await publishing.receipt(version, lambda receipt: receipt.is_complete and receipt.workers == PROCESSES)
    await crowd.abandon()
