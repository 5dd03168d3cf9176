"""The guide's sockets: who may open one, what comes back, and how they end."""

import asyncio
import json
from contextlib import suppress

import pytest
import websockets
from floodgate_simulator.sockets.reading import CLIENT_DOES_NOT_READ
from websockets.frames import Frame, Opcode

from tests.sdk.simulator.caller import answer_of, bearer, close_of

pytestmark = pytest.mark.asyncio
ECHO = "/v2/websocket/echo-orders"


async def test_a_message_with_an_id_is_acknowledged(caller):
    socket = await caller.socket()

    await socket.send('{"id": "o-1", "total": 3}')

    assert json.loads(await answer_of(socket)) == {"type": "ack", "id": "o-1"}


async def test_cxone_s_socket_does_the_same(caller):
    socket = await caller.socket("/realtime/t-1/orders", await caller.cxone_token())

    await socket.send('{"id": 7}')

    assert json.loads(await answer_of(socket)) == {"type": "ack", "id": 7}


@pytest.mark.parametrize(
    "message",
    [
        "plain",
        "",
        "{}",
        '{"id"',
        '["id"]',
        '{"order": {"id": 1}}',
        b'{"id": 1}',
        ' {"id": 1}',
        '{"id": ' + "[" * 100_000,
    ],
)
async def test_only_a_json_object_with_an_id_of_its_own_is_acknowledged(caller, message):
    socket = await caller.socket()

    await socket.send(message)
    await socket.send('{"id": "last"}')

    assert json.loads(await answer_of(socket))["id"] == "last"


@pytest.mark.parametrize(
    "message",
    ["", "text", "grüße 🌊", b"", b"\x00\xff", "x" * 126, "x" * 65_536],
    ids=["empty", "text", "not ascii", "empty binary", "binary", "126 bytes", "65536 bytes"],
)
@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_an_echo_channel_sends_every_message_back_unchanged(caller, message, compression):
    socket = await caller.socket(ECHO, compression=compression)

    await socket.send(message)

    assert await answer_of(socket) == message


async def test_the_query_may_ask_for_an_echo(caller):
    socket = await caller.socket("/v2/websocket/orders?mode=echo")

    await socket.send('{"id": 1}')

    assert await answer_of(socket) == '{"id": 1}'


async def test_an_unknown_mode_is_400_and_told(caller):
    refusal = await caller.refusal("/v2/websocket/orders?mode=loud")

    assert refusal.status_code == 400
    assert b"ack, echo, push" in refusal.body


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_a_fragmented_message_is_one_message(caller, compression):
    socket = await caller.socket(ECHO, compression=compression)

    await socket.send(["one ", "", "message"])

    assert await answer_of(socket) == "one message"
    assert (await caller.stats())["overall"]["messages"] == 1


async def test_a_message_of_sixteen_mebibytes_passes(caller):
    socket = await caller.socket(ECHO, compression=None)
    message = bytes(16 * 1024 * 1024)

    await socket.send(message)

    assert await answer_of(socket) == message


@pytest.mark.parametrize("fragments", [1, 2])
async def test_a_larger_message_than_allowed_closes_with_1009(caller_of, fragments):
    caller = await caller_of(max_message_bytes=16 * 1024 * 1024)
    socket = await caller.socket(compression=None)
    part = bytes(16 * 1024 * 1024 // fragments + 1)

    with suppress(websockets.ConnectionClosed):
        await socket.send([part] * fragments)

    assert (await close_of(socket))[0] == 1009


async def test_a_ping_is_answered_between_fragments(caller):
    socket = await caller.socket(ECHO)

    async def fragments():
        yield "before "
        await (await socket.ping())
        yield "after"

    await socket.send(fragments())

    assert await answer_of(socket) == "before after"


async def test_answers_come_before_the_close_that_followed_the_messages(caller):
    socket = await caller.socket(ECHO, compression=None)
    close = Frame(Opcode.CLOSE, b"\x03\xe8")
    frames = [Frame(Opcode.TEXT, b"1"), Frame(Opcode.TEXT, b"2"), close, Frame(Opcode.TEXT, b"late")]

    socket.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))

    assert [await answer_of(socket), await answer_of(socket)] == ["1", "2"]
    assert (await close_of(socket))[0] == 1000
    assert [line["message"] for line in await caller.received()] == ["1", "2"]


@pytest.mark.parametrize("code", [1000, 1001, 4429])
async def test_a_close_is_answered_with_its_own_code_and_counted(caller, code):
    socket = await caller.socket()

    await socket.close(code)

    assert socket.close_code == code
    assert (await caller.stats_when(lambda stats: stats["closes"]))["closes"] == {str(code): 1}


async def test_a_client_that_goes_without_a_close_is_counted_as_1006(caller):
    socket = await caller.socket()

    socket.transport.abort()

    assert (await caller.stats_when(lambda stats: stats["closes"]))["closes"] == {"1006": 1}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x01a", 1002),  # not masked
        (b"\x83\x80\0\0\0\0", 1002),  # reserved opcode
        (b"\xa1\x80\0\0\0\0", 1002),  # reserved bit
        (b"\xc1\x80\0\0\0\0", 1002),  # compressed, though not agreed
        (b"\x80\x80\0\0\0\0", 1002),  # continuation of nothing
        (b"\x01\x80\0\0\0\0\x81\x80\0\0\0\0", 1002),  # a message within a message
        (b"\x09\x80\0\0\0\0", 1002),  # fragmented ping
        (b"\x88\x81\0\0\0\0\x03", 1002),  # half a close code
        (b"\x88\x82\0\0\0\0\x03\xed", 1002),  # close code 1005
        (b"\x81\x81\0\0\0\0\xff", 1007),  # not UTF-8
    ],
)
async def test_what_breaks_the_protocol_is_closed_as_rfc_6455_asks(caller, frame, code):
    socket = await caller.socket(compression=None)

    socket.transport.write(frame)

    assert (await close_of(socket))[0] == code


async def test_damaged_compression_closes_with_1002(caller):
    socket = await caller.socket(compression="deflate")

    socket.transport.write(b"\xc1\x84\0\0\0\0\xff\xff\xff\xff")

    assert (await close_of(socket))[0] == 1002


async def test_a_bomb_of_zeros_closes_with_1009(caller_of):
    caller = await caller_of(max_message_bytes=16 * 1024 * 1024)
    socket = await caller.socket(compression="deflate")

    await socket.send(bytes(17 * 1024 * 1024))

    assert (await close_of(socket))[0] == 1009


async def test_compression_is_agreed_when_offered(caller):
    socket = await caller.socket()

    assert socket.response.headers["Sec-WebSocket-Extensions"].startswith("permessage-deflate")


async def test_compression_may_be_switched_off(caller_of):
    socket = await (await caller_of(compression=False)).socket()

    assert "Sec-WebSocket-Extensions" not in socket.response.headers


@pytest.mark.parametrize(
    ("offered", "accepted"),
    [(["chat", "other"], "chat"), (["ticket.abc", "floodgate.v1"], "floodgate.v1"), (["ticket.abc"], None)],
)
async def test_the_first_subprotocol_is_accepted_but_never_a_ticket(caller, offered, accepted):
    socket = await caller.socket(subprotocols=offered)

    assert socket.subprotocol == accepted


@pytest.mark.parametrize(("token", "code"), [("", "authentication.required"), ("stolen", "bad.credentials")])
async def test_a_handshake_without_a_live_token_is_401_in_genesys_form(caller, token, code):
    refusal = await caller.refusal(token=token)

    assert refusal.status_code == 401
    assert json.loads(refusal.body)["code"] == code


@pytest.mark.parametrize("token", ["", "stolen"])
async def test_a_handshake_without_a_live_token_is_401_in_cxone_s_form(caller, token):
    refusal = await caller.refusal("/realtime/t-1/orders", token)

    assert refusal.status_code == 401
    assert json.loads(refusal.body)["error"] == "invalid_token"


async def test_a_request_that_asks_for_no_upgrade_is_426(caller):
    response = await caller.get("/v2/websocket/orders", headers=bearer(await caller.token()))

    assert response.status == 426
    assert response.headers["Upgrade"] == "websocket"


async def test_what_a_hasty_client_sends_with_its_handshake_is_not_lost(caller):
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.simulator.port)
    headers = ["Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    headers += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"Authorization: Bearer {await caller.token()}"]
    request = "\r\n".join([f"GET {ECHO} HTTP/1.1", *headers, "", ""]).encode()

    writer.write(request + Frame(Opcode.TEXT, b"early").serialize(mask=True))

    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    assert await reader.readexactly(7) == b"\x81\x05early"
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_does_not_read_its_echo_is_not_read_either(caller):
    socket = await caller.socket(ECHO, compression=None)
    socket.transport.pause_reading()
    connection = next(caller.simulator.simulation.open_connections())
    message = bytes(1024 * 1024)

    async def flood():
        while True:
            await socket.send(message)

    flooding = asyncio.create_task(flood())
    async with asyncio.timeout(10):
        while CLIENT_DOES_NOT_READ not in connection.reading.reasons_against:
            await caller.get("/control/health")
    flooding.cancel()
    socket.transport.abort()
