"""The bare echo of frames: what relays are measured by must itself be right."""

import asyncio

import pytest
import pytest_asyncio
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

from tests.sdk.simulator.caller import answer_of, close_of

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def echo(caller_of):
    """A connection to the raw echo."""
    caller = await caller_of(raw_echo_port=0)
    async with websockets.connect(caller.simulator.raw_echo_url, proxy=None, max_size=None) as socket:
        yield socket


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 20_000_000])
async def test_messages_of_any_size_come_back(echo, size):
    message = bytes(size)

    await echo.send(message)

    assert await answer_of(echo) == message


async def test_text_stays_text_and_many_frames_keep_their_order(echo):
    for number in range(1000):
        await echo.send(str(number))

    assert [await answer_of(echo) for _ in range(1000)] == [str(number) for number in range(1000)]


async def test_fragments_come_back_as_one_message(echo):
    await echo.send(["a", "", "b"])

    assert await answer_of(echo) == "ab"


async def test_what_is_compressed_comes_back_as_it_was_compressed(echo):
    assert "permessage-deflate" in echo.response.headers["Sec-WebSocket-Extensions"]

    for number in range(3):  # the later ones lean on the first
        await echo.send(f"{number}: the same words again")

    assert [await answer_of(echo) for _ in range(3)] == [f"{number}: the same words again" for number in range(3)]


async def test_no_compression_is_agreed_of_which_a_client_wants_the_servers_half_otherwise(caller_of):
    caller = await caller_of(raw_echo_port=0)
    offer = ClientPerMessageDeflateFactory(server_no_context_takeover=True)

    async with websockets.connect(
        caller.simulator.raw_echo_url, proxy=None, extensions=[offer], compression=None
    ) as one:
        assert "Sec-WebSocket-Extensions" not in one.response.headers


async def test_a_ping_gets_a_pong(echo):
    async with asyncio.timeout(5):
        await (await echo.ping(b"tag"))


async def test_a_close_gets_its_own_code_and_what_follows_it_is_not_looked_at(echo):
    frames = [Frame(Opcode.TEXT, b"last"), Frame(Opcode.CLOSE, b"\x0f\xa0bye"), Frame(Opcode.TEXT, b"late")]

    echo.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))

    assert await answer_of(echo) == "last"
    assert await close_of(echo) == (4000, "bye")


async def test_frames_may_be_split_anywhere(echo):
    frame = Frame(Opcode.TEXT, b"x" * 200).serialize(mask=True)

    for at in range(len(frame)):
        echo.transport.write(frame[at : at + 1])

    assert await answer_of(echo) == "x" * 200


async def test_what_is_not_masked_ends_the_connection(echo):
    echo.transport.write(b"\x81\x01a")

    assert (await close_of(echo))[0] == 1006


async def test_what_is_no_handshake_is_refused(caller_of):
    caller = await caller_of(raw_echo_port=0)
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.simulator.raw_echo_port)

    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert (await reader.read()).startswith(b"HTTP/1.1 426")
    writer.close()
    await writer.wait_closed()
