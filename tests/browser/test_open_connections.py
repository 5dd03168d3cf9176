import asyncio

import pytest
import pytest_asyncio
import websockets
from floodgate_simulator.application import running_simulator
from playwright.async_api import async_playwright, expect

from relay.throttle.policy import ZonePolicy
from tenants.actions.policies import create_draft, publish_version, set_zones
from tenants.snapshots import build_records, publish_records
from tests.browser.addresses import page_of
from tests.browser.chromium import LAUNCH
from tests.relay import records
from tests.relay.eventually import eventually
from tests.relay.running import running_relay
from tests.tenants.factories import ChannelFactory, ClientFactory, PolicyFactory

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio]

FEW, MANY = 5, 50
LONG = "x" * 4096  # fills the buffers on the way with few messages


@pytest_asyncio.fixture
async def simulator():
    async with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def relay(redis, redis_url):
    with running_relay(redis_url) as relay:
        yield relay


@pytest.fixture
def policy(acme, root, redis):
    """In force: five messages, then one an hour. As a draft: a hundred a second."""
    policy = PolicyFactory.create(tenant=acme, name="Web chat")
    for zone in (records.hourly(FEW), ZonePolicy(name="client", permits=100)):
        draft = set_zones(create_draft(policy, acting_user=root), [zone], acting_user=root)
        if draft.number == 1:
            publish_version(draft, acting_user=root)
    return policy


@pytest.fixture
def flooding(policy, simulator):
    """A client that leads to the simulator, as relays know it."""
    channel = ChannelFactory.create(
        tenant=policy.tenant,
        name="orders",
        platform_connection__token_url=f"{simulator.url}/oauth/token",
        platform_connection__socket_url=simulator.ws_url + "/v2/websocket/{channel}",
        platform_connection__credential__encrypted_secret=records.platform_connection(simulator.url)
        .credentials[0]
        .encrypted_secret,
    )
    ClientFactory.create(tenant=policy.tenant, throttle_policy=policy).channels.add(channel)
    publish_records(policy.tenant_id)
    return build_records(policy.tenant)[0]


@pytest_asyncio.fixture
async def admin(live_server, session_cookie):
    """A page of root, on the loop of this test."""
    async with async_playwright() as playwright, await playwright.chromium.launch(**LAUNCH) as chromium:
        page = await chromium.new_page(base_url=live_server.url)
        await page.context.add_cookies([session_cookie])
        yield page


@pytest_asyncio.fixture
async def flood(relay, flooding):
    """Sends without end on one open connection."""
    headers = {"Authorization": f"Bearer {records.token_of(flooding)}"}
    address = f"{relay.ws_url}/v2/websocket/orders"
    async with websockets.connect(address, additional_headers=headers, proxy=None) as connection:
        sending = asyncio.create_task(send_without_end(connection))
        yield connection
        sending.cancel()
        connection.transport.abort()  # what still waits is not sent


async def send_without_end(connection):
    while True:
        await connection.send(LONG)


def held_back(relay):
    """How many messages the relay holds back now."""
    return sum(flow.waiting for flow in relay.worker.counters.traffic.values())


async def test_publishing_by_a_click_changes_the_rate_of_an_open_connection(admin, policy, relay, flood, simulator):
    def received():
        return simulator.simulation.ledger.as_json()["overall"]["messages"]

    await eventually(lambda: received() and held_back(relay))
    await admin.goto(page_of(policy))
    await admin.get_by_role("link", name="2", exact=True).click()
    await admin.get_by_role("link", name="Publish").click()
    assert 0 < received() <= FEW
    await admin.get_by_role("button", name="Publish version 2").click()
    await expect(admin.get_by_text("Web chat version 2 is in force.")).to_be_visible()

    await eventually(lambda: received() > MANY)
    assert simulator.simulation.ledger.as_json()["connections"]["total"] == 1
