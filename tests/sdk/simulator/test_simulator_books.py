"""What the control API tells of what came, and what a reset forgets."""

import asyncio
import base64
import json

import pytest

from tests.sdk.simulator.caller import answer_of, bearer, close_of

pytestmark = pytest.mark.asyncio


async def test_received_messages_tell_where_they_came_from(caller):
    socket = await caller.socket("/v2/websocket/orders")

    await socket.send("grüße")
    (line,) = await caller.received_when(1)

    assert line.pop("received_at") > 1_700_000_000
    assert line == {
        "sequence": 1,
        "connection": 1,
        "credential": "demo-genesys",
        "platform": "genesys",
        "channel": "orders",
        "size": 7,
        "message": "grüße",
    }


async def test_binary_messages_are_told_in_base64(caller):
    socket = await caller.socket()

    await socket.send(b"\x00\xff")
    (line,) = await caller.received_when(1)

    assert line["binary"] is True
    assert base64.b64decode(line["message"]) == b"\x00\xff"


async def test_received_messages_can_be_asked_for_by_channel_credential_and_sequence(caller):
    orders, echo = await caller.socket(), await caller.socket("/v2/websocket/echo")
    cxone = await caller.socket("/realtime/t-1/orders", await caller.cxone_token())
    for socket in (orders, echo, cxone, orders):
        await socket.send("x")
        await (await socket.ping())

    asked = ["?channel=orders", "?credential=demo-cxone", "?since=2", "?channel=orders&since=1", "?channel=none"]
    found = [[line["sequence"] for line in await caller.received(query)] for query in asked]

    assert found == [[1, 3, 4], [3], [3, 4], [3, 4], []]


async def test_a_since_that_is_no_number_is_400(caller):
    response = await caller.get("/control/received?since=yesterday")

    assert response.status == 400
    assert response.told["error"].startswith("since is 'yesterday', but must be")


async def test_many_messages_of_many_senders_are_counted_exactly(caller):
    token = await caller.token()
    sockets = [await caller.socket(token=token) for _ in range(4)]

    async def send(socket, sender):
        for number in range(1, 501):
            await socket.send(f'{{"sender":"{sender}","n":{number},"text":"{"x" * 400}"}}')

    async with asyncio.TaskGroup() as tasks:
        for sender, socket in enumerate(sockets):
            tasks.create_task(send(socket, sender))
    stats = await caller.stats_when(lambda stats: stats["overall"]["messages"] >= 2000)

    assert stats["overall"]["messages"] == 2000
    assert (stats["overall"]["order_gaps"], stats["overall"]["duplicates"]) == (0, 0)
    assert [row["messages"] for row in stats["by_connection"]] == [500] * 4
    assert len(await caller.received()) == 2000


async def test_gaps_and_duplicates_are_seen(caller):
    socket = await caller.socket()

    for number in (1, 2, 5, 5, 3, 6):
        await socket.send(f'{{"n":{number}}}')
    stats = await caller.stats_when(lambda stats: stats["overall"]["messages"] == 6)

    for counts in (stats["overall"], stats["by_channel"]["orders"], stats["by_connection"][0]):
        assert (counts["order_gaps"], counts["missing"], counts["duplicates"]) == (1, 2, 2)


async def test_connections_are_counted_open_total_and_refused(caller):
    await caller.socket()
    await (await caller.socket()).close()
    await caller.refusal(token="stolen")

    stats = await caller.stats_when(lambda stats: stats["closes"])

    assert stats["connections"] == {"open": 1, "total": 2, "refused": 1}
    assert stats["handshakes"] == {"101": 2, "401": 1}
    assert [(row["open"], row["close_code"]) for row in stats["by_connection"]] == [(False, 1000), (True, None)]
    assert stats["by_credential"]["demo-genesys"]["open"] == 1


async def test_a_reset_forgets_messages_counts_and_faults_but_keeps_sockets_and_tokens(caller):
    token = await caller.token()
    socket = await caller.socket(token=token)
    await socket.send('{"n":7}')
    await caller.received_when(1)
    await caller.order("status", "token")

    told = (await caller.post("/control/reset")).told
    stats = await caller.stats()

    assert told == {"messages": 1, "faults": 1, "closed": 0, "tokens": 0}
    assert stats["connections"] == {"open": 1, "total": 0, "refused": 0}
    assert (stats["overall"]["messages"], stats["by_channel"]["orders"]["messages"]) == (0, 0)
    assert (stats["handshakes"], stats["token_requests"]) == ({}, {})
    assert await caller.received() == []
    assert (await caller.get("/api/v2/tokens/me", headers=bearer(token))).status == 200


async def test_after_a_reset_counting_and_the_sequence_begin_again(caller):
    socket = await caller.socket()
    await socket.send('{"n":7}')
    await caller.received_when(1)
    await caller.post("/control/reset")

    await socket.send('{"n":1,"id":1}')
    await answer_of(socket)

    assert [line["sequence"] for line in await caller.received()] == [1]
    assert (await caller.stats())["by_connection"][0]["duplicates"] == 0


async def test_a_reset_forgets_closed_connections_and_their_channels(caller):
    await (await caller.socket("/v2/websocket/old")).close()
    await caller.stats_when(lambda stats: stats["closes"])

    await caller.post("/control/reset")
    stats = await caller.stats()

    assert (stats["by_channel"], stats["by_connection"], stats["closes"]) == ({}, [], {})


async def test_a_reset_closes_sockets_when_asked(caller):
    socket = await caller.socket()

    told = (await caller.post("/control/reset", json={"close": True})).told

    assert told["closed"] == 1
    assert await close_of(socket) == (1001, "reset")


async def test_a_reset_forgets_tokens_when_asked(caller):
    token = await caller.token()

    told = (await caller.post("/control/reset", json={"tokens": True})).told

    assert told["tokens"] == 1
    assert (await caller.get("/api/v2/tokens/me", headers=bearer(token))).status == 401


@pytest.mark.parametrize("body", ['{"everything": true}', '{"close": 1}', "close"])
async def test_a_reset_that_makes_no_sense_is_400_and_forgets_nothing(caller, body):
    await caller.order("close")

    response = await caller.post("/control/reset", data=body)

    assert response.status == 400
    assert len((await caller.get("/control/faults")).told) == 1


async def test_health_tells_that_the_simulator_lives(caller):
    await caller.socket()

    assert (await caller.get("/control/health")).told == {"status": "ok", "open_connections": 1}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"platform": "genesys", "client_id": "c"}, "Field 'client_secret' is missing."),
        ({"platform": "avaya", "client_id": "c", "client_secret": "s"}, "platform is 'avaya', but must be one of:"),
        (
            {"platform": "cxone", "client_id": "", "client_secret": "s"},
            "client_id and client_secret must not be empty.",
        ),
        ({"platform": "cxone", "client_id": "c", "client_secret": "s", "burst": -1}, "burst is -1, but must be 0"),
        ({"platform": "cxone", "client_id": "c", "client_secret": "s", "limit_by": "day"}, "limit_by is 'day', but"),
    ],
)
async def test_a_credential_that_cannot_be_is_400_with_a_sentence(caller, fields, sentence):
    response = await caller.post("/control/credentials", json=fields)

    assert response.status == 400
    assert response.told["error"].startswith(sentence)


async def test_a_registered_credential_is_known_and_may_be_replaced(caller):
    fields = {"platform": "genesys", "client_id": "acme", "client_secret": "first"}
    registered = await caller.post("/control/credentials", json=fields)
    await caller.post("/control/credentials", json=fields | {"client_secret": "second"})

    assert (registered.status, registered.told) == (201, {"platform": "genesys", "client_id": "acme"})
    assert [(await caller.ask_token(("acme", secret))).status for secret in ("first", "second")] == [401, 200]


async def test_a_line_of_a_message_without_an_end_does_not_break_the_list(caller):
    socket = await caller.socket()

    await socket.send("one\ntwo")

    assert [line["message"] for line in await caller.received_when(1)] == ["one\ntwo"]
    assert json.dumps("one\ntwo") in (await caller.get("/control/received")).told


async def test_whoever_opens_the_address_in_a_browser_is_told_where_to_look(caller):
    assert "/control/stats has all counts" in (await caller.get("/")).told["detail"]
