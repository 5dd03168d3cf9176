"""Faults on open sockets: closes, resets, revocation, silence, slow reading, errors in band."""

import asyncio
import json
from itertools import pairwise

import pytest
import websockets
from websockets.frames import Frame, Opcode

from tests.sdk.simulator.caller import answer_of, bearer, close_of

pytestmark = pytest.mark.asyncio


async def ask(socket, number):
    """Send a message with this id; answers the id that is acknowledged next."""
    await socket.send(json.dumps({"id": number}))
    return json.loads(await answer_of(socket))["id"]


async def test_a_close_without_a_target_closes_all_open_sockets_now(caller):
    sockets = [await caller.socket(), await caller.socket()]

    await caller.order("close", code=1012, reason="service restart")

    assert [await close_of(socket) for socket in sockets] == [(1012, "service restart")] * 2


async def test_a_close_is_over_at_once_and_the_next_socket_stays(caller):
    fault = await caller.order("close")

    socket = await caller.socket()

    assert await ask(socket, 1) == 1
    assert (await caller.get(fault)).told["active"] is False


async def test_a_close_on_handshake_comes_right_after_the_accept(caller):
    await caller.order("close", "handshake", code=1013, reason="try again later")

    socket = await caller.socket()

    assert await close_of(socket) == (1013, "try again later")
    assert await ask(await caller.socket(), 1) == 1


async def test_a_close_on_message_comes_instead_of_the_answer(caller):
    await caller.order("close", "message", code=4429)
    socket, other = await caller.socket(), await caller.socket()

    await socket.send('{"id": 1}')

    assert await close_of(socket) == (4429, "")
    assert await ask(other, 2) == 2


async def test_a_close_with_a_count_strikes_as_often(caller):
    await caller.order("close", "handshake", count=2)

    sockets = [await caller.socket() for _ in range(2)]

    assert [(await close_of(socket))[0] for socket in sockets] == [1008, 1008]
    assert await ask(await caller.socket(), 1) == 1


async def test_close_code_1005_sends_a_close_frame_without_a_code(caller):
    socket = await caller.socket()

    await caller.order("close", code=1005)

    async with asyncio.timeout(5):
        await socket.wait_closed()
    assert socket.protocol.close_rcvd.code == 1005


@pytest.mark.parametrize("target", [None, "handshake", "message"])
async def test_close_code_1006_resets_the_tcp_connection_without_a_close_frame(caller, target):
    if target == "handshake":
        await caller.order("close", target, code=1006)
        socket = await caller.socket()
    else:
        socket = await caller.socket()
        await caller.order("close", target, code=1006)
        if target == "message":
            await socket.send("x")

    with pytest.raises(websockets.ConnectionClosedError) as closed:
        await answer_of(socket)

    assert closed.value.rcvd is None
    assert isinstance(closed.value.__cause__, ConnectionResetError)
    stats = await caller.stats_when(lambda stats: stats["closes"])
    assert stats["closes"] == {"1006": 1}


async def test_a_revocation_closes_sockets_and_refuses_their_token_everywhere_at_once(caller):
    token = await caller.token()
    socket = await caller.socket(token=token)

    await caller.order("revoke")

    assert await close_of(socket) == (1008, "token revoked")
    assert (await caller.get("/api/v2/tokens/me", headers=bearer(token))).status == 401
    assert (await caller.refusal(token=token)).status_code == 401
    assert await ask(await caller.socket(), 1) == 1


async def test_a_revocation_may_close_with_another_code_and_reason(caller):
    socket = await caller.socket()

    await caller.order("revoke", code=4001, reason="gone")

    assert await close_of(socket) == (4001, "gone")


async def test_a_revocation_on_message_comes_with_the_next_message(caller):
    token = await caller.token()
    socket, idle = await caller.socket(token=token), await caller.socket(token=token)
    await caller.order("revoke", "message")

    await socket.send('{"id": 1}')

    assert [await close_of(closed) for closed in (socket, idle)] == [(1008, "token revoked")] * 2
    assert (await caller.refusal(token=token)).status_code == 401


async def test_a_revocation_of_one_credential_leaves_the_other_platform_alone(caller):
    genesys = await caller.socket()
    cxone = await caller.socket("/realtime/t-1/orders", await caller.cxone_token())

    await caller.order("revoke", credential="demo-cxone")

    assert await close_of(cxone) == (1008, "token revoked")
    assert await ask(genesys, 1) == 1


async def test_a_status_on_message_answers_in_band_and_the_socket_stays_open(caller):
    socket = await caller.socket()
    await caller.order("status", "message", body={"type": "error", "code": 503}, count=1)

    await socket.send('{"id": 1}')

    assert json.loads(await answer_of(socket)) == {"type": "error", "code": 503}
    assert await ask(socket, 2) == 2


async def test_a_status_on_message_without_a_body_has_genesys_form(caller):
    socket = await caller.socket()
    await caller.order("status", "message")

    await socket.send('{"id": 1}')

    assert json.loads(await answer_of(socket)) == {
        "type": "response",
        "class": "TooManyRequestsErrorMessage",
        "code": 429,
        "body": {"errorCode": 429, "errorMessage": "Message rate too high for this session", "retryAfter": 1},
    }


@pytest.mark.parametrize(("message", "event_id"), [('{"eventId": "e-2"}', "e-2"), ("x", "")])
async def test_a_status_on_message_without_a_body_has_cxone_s_form(caller, message, event_id):
    socket = await caller.socket("/realtime/t-1/orders", await caller.cxone_token())
    await caller.order("status", "message")

    await socket.send(message)

    told = json.loads(await answer_of(socket))
    assert told["eventId"] == event_id
    assert told["error"]["errorCode"] == "TooManyRequests"


async def test_a_hang_on_message_counts_messages_but_answers_neither_them_nor_pings(caller):
    socket = await caller.socket()
    fault = await caller.order("hang", "message")

    ping = await socket.ping()
    await socket.send('{"id": 1}')
    await caller.until_struck(fault)
    await caller.call("DELETE", fault)

    assert await ask(socket, 2) == 2
    assert not ping.done()
    assert (await caller.stats())["overall"]["messages"] == 2


async def test_a_hang_on_message_with_a_count_swallows_as_many_answers(caller):
    socket = await caller.socket()
    await caller.order("hang", "message", count=2)

    for number in (1, 2):
        await socket.send(json.dumps({"id": number}))

    assert await ask(socket, 3) == 3


async def test_a_hang_on_message_that_has_expired_is_over(caller):
    socket = await caller.socket()
    await caller.order("hang", "message", seconds=0)

    assert await ask(socket, 1) == 1


async def test_a_hang_on_message_leaves_a_close_unanswered(caller):
    socket = await caller.socket(close_timeout=0.1)
    await caller.order("hang", "message")

    await socket.close()

    assert socket.protocol.close_rcvd is None


async def test_a_hang_on_message_keeps_the_tcp_connection_though_the_client_has_closed(caller):
    socket = await caller.socket(compression=None)
    await caller.order("hang", "message")
    frames = [Frame(Opcode.CLOSE, b"\x03\xe8"), Frame(Opcode.TEXT, b"still read")]

    socket.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))

    stats = await caller.stats_when(lambda stats: stats["overall"]["messages"])
    assert stats["connections"]["open"] == 1
    socket.transport.abort()


async def test_a_slow_read_without_seconds_reads_nothing_until_it_is_deleted(caller):
    socket = await caller.socket(token=await caller.token())
    fault = await caller.order("slow_read", credential="demo-genesys")
    cxone = await caller.socket("/realtime/t-1/orders", await caller.cxone_token())

    await socket.send('{"id": 1}')
    assert await ask(cxone, 2) == 2
    assert [line["connection"] for line in await caller.received()] == [2]
    await caller.call("DELETE", fault)

    assert json.loads(await answer_of(socket)) == {"type": "ack", "id": 1}


async def test_a_slow_read_holds_for_sockets_opened_later_too(caller):
    await caller.order("slow_read", "message", credential="demo-genesys")
    socket = await caller.socket()
    other = await caller.socket("/realtime/t-1/orders", await caller.cxone_token())

    await socket.send("unread")
    await ask(other, 1)

    assert [line["credential"] for line in await caller.received()] == ["demo-cxone"]
    await caller.call("DELETE", "/control/faults")
    assert len(await caller.received_when(2)) == 2


async def test_a_slow_read_with_seconds_pauses_after_each_read(caller):
    socket = await caller.socket()
    await caller.order("slow_read", seconds=0.05)

    for number in range(3):
        await ask(socket, number)
    arrivals = [line["received_at"] for line in await caller.received()]

    assert all(later - earlier >= 0.045 for earlier, later in pairwise(arrivals))


async def test_a_socket_that_is_not_read_can_still_be_closed(caller):
    socket = await caller.socket()
    await caller.order("slow_read")

    await caller.order("close", code=1001)

    assert (await close_of(socket))[0] == 1001
    stats = await caller.stats_when(lambda stats: stats["closes"])
    assert stats["closes"] == {"1001": 1}
