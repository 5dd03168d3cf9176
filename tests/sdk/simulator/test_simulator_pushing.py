"""Messages that the simulator sends by itself."""

import json

import pytest
from floodgate_simulator.clock import unix_now
from floodgate_simulator.sockets.reading import CLIENT_DOES_NOT_READ

from tests.sdk.simulator.caller import answer_of, close_of

pytestmark = pytest.mark.asyncio


async def numbers(socket, count):
    return [json.loads(await answer_of(socket))["n"] for _ in range(count)]


async def test_a_push_channel_sends_numbered_messages(caller):
    socket = await caller.socket("/v2/websocket/push-orders?rate=500")

    assert await numbers(socket, 5) == [1, 2, 3, 4, 5]


async def test_pushes_are_never_ahead_of_their_rate(caller):
    begun_at = unix_now()
    socket = await caller.socket("/v2/websocket/push-orders?rate=200")

    pushed = [json.loads(await answer_of(socket)) for _ in range(20)]

    tolerance_seconds = 0.002
    assert all(told["sent_at"] - begun_at > told["n"] / 200 - tolerance_seconds for told in pushed)


async def test_the_query_may_ask_for_pushes_and_their_size(caller):
    socket = await caller.socket("/v2/websocket/orders?mode=push&rate=500&size=300")

    assert [len(await answer_of(socket)) for _ in range(3)] == [300] * 3


async def test_a_push_channel_acknowledges_too(caller):
    socket = await caller.socket("/v2/websocket/push-orders?rate=0")

    await socket.send('{"id":1}')

    assert json.loads(await answer_of(socket))["type"] == "ack"


@pytest.mark.parametrize("query", ["rate=-1", "rate=fast", "rate=nan", "rate=1000001", "size=-1", "size=x"])
async def test_a_rate_or_size_that_cannot_be_is_400(caller, query):
    assert (await caller.refusal(f"/v2/websocket/push-orders?{query}")).status_code == 400


async def test_a_push_can_be_ordered_for_open_connections_of_any_channel(caller):
    socket = await caller.socket()

    told = (await caller.post("/control/push", json={"channel": "orders", "rate": 500, "size": 100})).told

    assert told == {"channel": "orders", "rate": 500, "size": 100, "connections": 1}
    assert await numbers(socket, 3) == [1, 2, 3]


async def test_a_push_holds_for_connections_to_come_and_not_for_other_channels(caller):
    await caller.post("/control/push", json={"channel": "orders", "rate": 500})
    other = await caller.socket("/v2/websocket/other")
    socket = await caller.socket()

    assert await numbers(socket, 2) == [1, 2]
    await other.send('{"id":1}')
    assert json.loads(await answer_of(other))["type"] == "ack"


async def test_rate_zero_stops_a_push_and_numbers_go_on_after_it(caller):
    socket = await caller.socket("/v2/websocket/push-orders?rate=500")
    await numbers(socket, 2)
    await caller.post("/control/push", json={"channel": "push-orders", "rate": 0})
    await socket.send('{"id":"stopped"}')
    sent = 2
    while (told := json.loads(await answer_of(socket)))["type"] != "ack":
        sent = told["n"]

    await caller.post("/control/push", json={"channel": "push-orders", "rate": 500})

    assert await numbers(socket, 2) == [sent + 1, sent + 2]


async def test_a_reset_ends_ordered_pushes_and_keeps_agreed_ones(caller):
    socket = await caller.socket()
    pushed = await caller.socket("/v2/websocket/push-orders?rate=500")
    for channel in ("orders", "push-orders"):
        await caller.post("/control/push", json={"channel": channel, "rate": 0 if channel == "push-orders" else 500})
    await numbers(socket, 1)

    await caller.post("/control/reset")
    await socket.send('{"id":1}')
    while json.loads(await answer_of(socket))["type"] != "ack":
        pass
    await socket.send('{"id":2}')

    assert json.loads(await answer_of(socket)) == {"type": "ack", "id": 2}
    assert len(await numbers(pushed, 2)) == 2


@pytest.mark.parametrize("fields", [{"rate": 5}, {"channel": "orders", "rate": -1}, {"channel": "orders", "pace": 1}])
async def test_a_push_that_cannot_be_is_400(caller, fields):
    assert (await caller.post("/control/push", json=fields)).status == 400


async def test_a_pushed_socket_that_is_not_read_gets_no_queue(caller):
    socket = await caller.socket("/v2/websocket/push-orders?rate=100000&size=10000", compression=None)
    socket.transport.pause_reading()
    connection = next(caller.simulator.simulation.open_connections())

    while CLIENT_DOES_NOT_READ not in connection.reading.reasons_against:
        await caller.get("/control/health")
    socket.transport.resume_reading()

    assert await numbers(socket, 100) == list(range(1, 101))
    socket.transport.abort()


async def test_a_closed_push_sends_nothing_more(caller):
    socket = await caller.socket("/v2/websocket/push-orders?rate=500")

    await caller.order("close", code=1000)

    assert (await close_of(socket))[0] == 1000
