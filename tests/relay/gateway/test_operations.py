import asyncio
import json
from functools import partial

import aiohttp
import pytest
import pytest_asyncio

from relay.gateway import operations
from relay.gateway.operations import MetricsPage
from tests.relay.eventually import eventually
from tests.relay.integration import drop, raw_connection
from tests.relay.running import HOST, running_relay

PROBES_SECONDS = 5.0  # in which a relay surely tries whether Redis is back
pytestmark = pytest.mark.asyncio
METRICS = b"GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n"


@pytest.fixture
def bound(monkeypatch):
    """Sets one of the bounds of this port."""
    return partial(monkeypatch.setattr, operations)


@pytest_asyncio.fixture
async def ask(relay):
    """Asks the relay's port for operations; gives status, headers and body."""
    async with aiohttp.ClientSession() as http:

        async def ask(path, method="GET", at=relay, **options):
            async with http.request(method, at.operations_url + path, **options) as answer:
                return answer.status, answer.headers, await answer.read()

        yield ask


async def test_a_relay_is_alive(ask):
    status, headers, body = await ask("/livez")

    assert (status, json.loads(body)) == (200, {"status": "ok"})
    assert (headers["Content-Type"], headers["Cache-Control"]) == ("application/json", "no-store")


async def test_a_relay_with_redis_is_ready(ask):
    status, _, body = await ask("/readyz")

    assert (status, json.loads(body)) == (
        200,
        {"status": "ok", "checks": {"draining": "no", "redis": "ok", "tasks": "ok"}},
    )


async def test_f7_a_relay_without_redis_is_alive_but_not_ready(ask):
    with running_relay(f"redis://{HOST}:1/0") as relay:
        alive, _, _ = await ask("/livez", at=relay)
        status, _, body = await ask("/readyz", at=relay)

    assert (alive, status) == (200, 503)
    answer = json.loads(body)
    assert answer["checks"].pop("redis") in {"ConnectionError", "CircuitOpen"}
    assert answer == {"status": "unavailable", "checks": {"draining": "no", "tasks": "ok"}}


async def test_f7_a_relay_becomes_ready_once_redis_is_there(own_server, ask):
    own_server.end()

    with running_relay(own_server.url) as relay:
        before, _, _ = await ask("/readyz", at=relay)
        own_server.start()
        async with asyncio.timeout(PROBES_SECONDS):
            while (await ask("/readyz", at=relay))[0] != 200:
                pass

    assert before == 503


async def test_metrics_are_prometheus_text_with_what_was_counted(ask, integration, bound):
    bound("PAGE_KEPT_SECONDS", 0.0)  # 1 s
    await integration.refusal("/v2/websocket/nowhere")

    tenant, client = integration.record.tenant_id, integration.record.client_id
    line = f'floodgate_handshakes_total{{client_id="{client}",result="channel_not_found",tenant_id="{tenant}"}} 1.0'
    status, headers, body = await ask("/metrics")
    while line not in body.decode().splitlines():  # a page of this second may be older
        status, headers, body = await ask("/metrics")

    assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
    assert b"floodgate_build_info{" in body


async def test_all_who_ask_within_a_second_are_given_one_page(relay):
    page = MetricsPage(relay.worker)

    pages = await asyncio.gather(*(page.parts() for _ in range(5)))

    assert all(each is pages[0] for each in pages)


async def test_a_page_is_made_between_the_turns_of_the_event_loop(relay):
    page, turns = asyncio.create_task(MetricsPage(relay.worker).parts()), 0
    while not page.done():
        turns += 1
        await asyncio.wait([page], timeout=0)

    assert turns >= len(page.result()) // 2  # each wait takes two turns


async def test_a_page_that_takes_too_long_is_answered_503(ask, relays_redis_url, bound):
    bound("PAGE_SECONDS", 0.0)  # 10 s
    with running_relay(relays_redis_url) as relay:
        status, headers, _ = await ask("/metrics", at=relay)

    assert (status, headers["Retry-After"]) == (503, "1")


async def test_few_may_read_the_metrics_at_once(relay, ask, bound):
    bound("MOST_SCRAPES", 0)  # 4

    status, headers, _ = await ask("/metrics")

    assert (status, headers["Retry-After"]) == (503, "1")


async def test_a_slash_at_the_end_changes_nothing(ask):
    assert (await ask("/livez/"))[0] == 200


async def test_each_connection_is_answered_once_so_that_nobody_stays_with_a_process_that_drains(ask):
    _, headers, _ = await ask("/metrics")

    assert headers["Connection"] == "close"


@pytest.mark.parametrize("path", ["/", "/oauth/token", "/v2/websocket/crm"])
async def test_this_port_is_not_for_clients(ask, path):
    status, _, body = await ask(path)

    assert (status, "Clients connect to another" in json.loads(body)["detail"]) == (404, True)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_nothing_is_changed_here_and_no_token_is_given(ask, method):
    status, headers, _ = await ask("/oauth/token", method, data={"grant_type": "client_credentials"})

    assert (status, headers["Allow"]) == (405, "GET, HEAD")


async def test_a_scraper_that_leaves_makes_room_for_another(relay, ask):
    for _ in range(2 * operations.MOST_SCRAPES):
        scraper = await raw_connection(relay.operations_port)
        scraper.send(METRICS)
        await drop(scraper.writer)

    await eventually(lambda: not relay.server.server_state.tasks)
    assert (await ask("/metrics"))[0] == 200
