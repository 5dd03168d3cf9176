from contextlib import suppress

import pytest
from websockets.frames import Opcode

from relay.splicing.session import MOST_LINGER_BYTES
from tests.relay.eventually import eventually, turns
from tests.relay.records import hourly, policy
from tests.relay.seen import masked

pytestmark = pytest.mark.asyncio
MIB = 1024 * 1024
MESSAGE = b"\x82\x7f" + MIB.to_bytes(8) + bytes(MIB)


@pytest.fixture
def patience(impatient_relay, store):
    """The relay whose patience is short; its Redis is the test's."""
    return impatient_relay


async def test_f43_a_client_that_does_not_read_is_closed_with_4413(patience, bare):
    client, platform = await bare(at=patience, buffer_bytes=16_384)
    client.writer.transport.pause_reading()

    platform.send(MESSAGE * 20)
    assert await platform.close_frame() == (1001, "slow_reader;seconds=1")
    client.writer.transport.resume_reading()

    await client.end()
    assert patience.worker.counters.closes["floodgate", 4413]


async def test_f37_a_platform_that_does_not_read_is_told_apart_from_a_client(patience, bare):
    client, platform = await bare(at=patience)
    platform.writer.transport.pause_reading()

    client.send(masked(bytes(MIB), Opcode.BINARY) * 20)

    assert await client.close_frame() == (4432, "platform_slow;seconds=1")


async def test_a_client_that_reads_now_and_then_stays(patience, bare):
    client, platform = await bare(at=patience)

    for _ in range(8):
        platform.send(MESSAGE)
        await turns(0.2)
        client.say()
        await client.reader.readexactly(len(MESSAGE))

    platform.send(b"\x81\x02hi")
    assert await client.frame() == (0x81, b"hi")


async def test_a_silent_client_is_closed_with_4408_where_that_is_limited(patience, bare):
    client, _ = await bare(at=patience)

    assert await client.close_frame() == (4408, "idle;seconds=1")


async def test_a_client_that_is_throttled_is_not_idle(patience, bare):
    client, platform = await bare(at=patience, policies=(policy(hourly(passing=1)),))

    for _ in range(2):
        client.say(b"hi")
    await turns(2.5)

    platform.send(b"\x81\x02hi")
    assert await client.frame() == (0x81, b"hi")


async def test_a_silent_client_stays_where_that_is_not_limited(bare):
    client, platform = await bare()

    await turns(2.5)

    platform.send(b"\x81\x02hi")
    assert await client.frame() == (0x81, b"hi")


async def test_b26_a_message_in_too_many_fragments_is_closed_with_1009(patience, bare):
    client, _ = await bare(at=patience)

    client.say(b"", fin=False)
    for _ in range(4):
        client.say(b"", Opcode.CONT, fin=False)

    assert await client.close_frame() == (1009, "too_many_fragments;limit=4")


async def test_b26_as_many_fragments_as_allowed_pass_in_each_message(patience, bare):
    client, platform = await bare(at=patience)
    message = masked(b"", fin=False) + masked(b"a", Opcode.CONT, fin=False) * 2 + masked(b"", Opcode.CONT)

    client.send(message * 3)

    assert await platform.reader.readexactly(len(message) * 3) == message * 3


async def test_b24_a_platform_that_never_answers_a_close_does_not_keep_the_client(patience, bare, monkeypatch):
    monkeypatch.setattr("relay.splicing.session.CLOSE_ANSWER_SECONDS", 1)  # 10 s
    client, platform = await bare(at=patience)

    client.say(b"\x03\xe8", Opcode.CLOSE)

    assert await platform.close_frame() == (1000, "")
    assert await client.end() == b""


async def flood(client, most_bytes):
    """Send until the socket ends, and tell how much that was."""
    sent = 0
    with suppress(ConnectionError):
        while sent < most_bytes:
            client.send(bytes(MIB))
            sent += MIB
            await client.writer.drain()
    return sent


async def test_l3_a_closed_client_that_goes_on_sending_is_torn_down_after_so_many_bytes(bare, relay):
    client, _ = await bare()
    client.send(b"\x83\x80\0\0\0\0")
    assert (await client.close_frame())[0] == 1002

    sent = await flood(client, most_bytes=20 * MOST_LINGER_BYTES)

    assert MOST_LINGER_BYTES < sent < 20 * MOST_LINGER_BYTES
    await eventually(lambda: not relay.worker.connections)
