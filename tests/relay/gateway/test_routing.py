import asyncio
import json

import aiohttp
import pytest

from relay.gateway.routing import application
from tests.relay.eventually import eventually
from tests.relay.integration import answer_of, drop, raw_connection
from tests.relay.opening import upgrade_request

pytestmark = pytest.mark.asyncio


async def status_of(relay, path):
    """What a handshake for a path is answered, whatever a library would make of that path."""
    client = await raw_connection(relay.port)
    client.writer.write(upgrade_request(path))
    try:
        return await client.read_status()
    finally:
        await drop(client.writer)


@pytest.mark.parametrize("path", ["/v2/websocket/echo", "/realtime/{tenant}/echo"])
async def test_both_kinds_of_path_lead_to_a_channel(integration, path):
    connection = await integration.connect(path.format(tenant=integration.record.tenant_slug))

    await connection.send("good morning")

    assert await answer_of(connection) == "good morning"


@pytest.mark.parametrize("channel", ["a", "0", "a-b_c", "a" * 64])
async def test_a_channels_name_is_found_in_its_path(integration, channel):
    response = await integration.refusal(f"/v2/websocket/{channel}")

    assert (response.status_code, json.loads(response.body)["code"]) == (404, "channel_not_found")
    counted = integration.relay.worker.counters.handshakes
    assert counted[integration.record.tenant_id, integration.record.client_id, "channel_not_found"] == 1


async def test_s1_a_path_that_names_another_tenant_is_answered_404(integration, integration_of):
    mallorys = integration_of(tenant_slug="umbrella")

    foreign = await integration.refusal(f"/realtime/{mallorys.record.tenant_slug}/echo")
    missing = await integration.refusal("/realtime/nobody/echo")

    assert foreign.status_code == 404
    assert foreign.body == missing.body


NOT_OURS = (
    *(
        "/",
        "/v2",
        "/v2/websocket",
        "/v2/websocket/",
        "/v2/websocket/echo/",
        "/v2/websocket/echo/more",
        "/v3/websocket/echo",
    ),
    *(
        "/V2/websocket/echo",
        "/v2/websocket/Echo",
        "/v2/websocket/-echo",
        "/v2/websocket/" + "a" * 65,
    ),
    *("/realtime/echo", "/realtime//echo", "/realtime/acme/echo/", "/realtime/" + "a" * 65 + "/echo", "/livez"),
    *("/v2/websocket/../websocket/echo", "/v2/websocket/echo%0a", "/v2/websocket/echo%00", "/v2/websocket/a%2fb"),
    *("/v2%2Fwebsocket%2fecho", "/v2/websocket%2Fecho", "//v2/websocket/echo", "///realtime/acme/echo", "//"),
    *("/v2/websocket/%ff%fe", "/v2/websocket/%C3%A9cho", "/v2/websocket/" + "a" * 4096, "/v2/websocket/*"),
)


@pytest.mark.parametrize("path", NOT_OURS, ids=lambda path: f"{path[:24]}_{len(path)}")
async def test_b12_a_path_that_is_none_of_ours_is_answered_404(relay, path):
    assert await status_of(relay, path) == 404


async def test_a_path_that_is_none_of_ours_is_answered_with_a_problem_and_counted(integration):
    counted = integration.relay.worker.counters.handshakes
    before = counted["", "", "channel_not_found"]

    response = await integration.refusal("/nowhere")

    assert response.headers["Content-Type"] == "application/problem+json"
    assert json.loads(response.body)["code"] == "channel_not_found"
    assert counted["", "", "channel_not_found"] == before + 1


async def test_a_request_without_an_upgrade_comes_to_the_http_paths(relay):
    async with aiohttp.ClientSession() as http, http.get(f"{relay.url}/livez") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_a_worker_lives_as_long_as_the_application(redis):
    state, said = {}, []
    orders = asyncio.Queue()
    scope = {"type": "lifespan", "state": state}

    async def send(message):
        said.append(message["type"])

    running = asyncio.create_task(application(scope, orders.get, send))
    orders.put_nowait({"type": "lifespan.startup"})
    await eventually(lambda: said == ["lifespan.startup.complete"])
    assert not state["worker"].http.closed
    orders.put_nowait({"type": "lifespan.shutdown"})
    await running

    assert said[-1] == "lifespan.shutdown.complete"
    assert state["worker"].http.closed
