import re
from contextlib import asynccontextmanager
from functools import partial

import pytest

from relay.gateway import request
from relay.gateway.request import RequestProtocol
from tests.relay.eventually import eventually, turns
from tests.relay.integration import drop, raw_connection
from tests.relay.opening import upgrade_request

pytestmark = pytest.mark.asyncio
KIB = 1024
ECHO = upgrade_request("/v2/websocket/echo")
TOKEN_ASKED = b"POST /oauth/token HTTP/1.1\r\nHost: relay\r\nContent-Length: 8\r\n\r\ngrant=no"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: relay\r\n\r\n"


@pytest.fixture
def bound(monkeypatch):
    """Sets one of the bounds of a request, which no test could wait for."""
    return partial(monkeypatch.setattr, request)


@asynccontextmanager
async def asking(relay, *requests):
    """A client of bare bytes that has sent ``requests`` in one piece."""
    client = await raw_connection(relay.port)
    try:
        client.send(*requests)
        yield client
    finally:
        await drop(client.writer)


@asynccontextmanager
async def pipelining(relay, requests):
    """A client with little room that has sent many requests and reads no answer, once the relay has come to a stop."""
    client = await raw_connection(relay.port, buffer_bytes=4 * KIB)
    try:
        client.writer.transport.pause_reading()
        client.send(LIVEZ * requests)
        address = client.writer.get_extra_info("sockname")

        def waiting():
            protocols = [
                each for each in list(relay.server.server_state.connections) if isinstance(each, RequestProtocol)
            ]
            ours = [each for each in protocols if each.transport.get_extra_info("peername") == address]
            return [each for each in ours if each.flow.write_paused]

        [protocol] = await eventually(waiting)
        yield client, protocol
    finally:
        await drop(client.writer)


async def test_the_next_request_is_read_only_when_the_answer_is_on_its_way(relay, bound):
    bound("MOST_REQUESTS", 4_000)  # 100
    async with pipelining(relay, 4_000) as (client, protocol):
        await turns(0.2)
        assert protocol.transport.get_write_buffer_size() < KIB

        client.writer.transport.resume_reading()
        for _ in range(4_000):
            await client.reader.readuntil(b'{"status": "ok"}')


async def test_a_client_that_never_takes_its_answer_is_cut_off(relay, bound):
    bound("MOST_REQUESTS", 4_000)  # 100
    bound("ANSWER_SECONDS", 0.3)  # 30 s
    async with pipelining(relay, 4_000) as (_, protocol):
        await eventually(lambda: protocol not in relay.server.server_state.connections)


@pytest.mark.parametrize("request_line", [b"HTTP/1.1\r\nConnection: close", b"HTTP/1.0"])
async def test_who_sends_no_more_gets_the_answer_after_which_its_connection_ends(relay, request_line):
    async with asking(relay, TOKEN_ASKED.replace(b"HTTP/1.1", request_line)) as client:
        client.writer.write_eof()
        assert (await client.end()).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(("behind", "answers"), [(LIVEZ, 3), (ECHO, 3), (TOKEN_ASKED[:-1], 2), (LIVEZ[:-1], 2)])
async def test_who_sends_no_more_gets_an_answer_to_each_whole_request_and_then_the_end(relay, behind, answers):
    async with asking(relay, TOKEN_ASKED * 2 + behind) as client:
        client.writer.write_eof()

        assert len(re.findall(rb"HTTP/1.1 \d+", await client.end())) == answers


async def test_the_last_answer_of_a_connection_says_that_it_ends(relay, bound):
    bound("MOST_REQUESTS", 3)  # 100
    async with asking(relay, LIVEZ * 3) as client:
        answers = (await client.end()).lower()

    assert (answers.count(b"http/1.1 200"), answers.count(b"connection: close")) == (3, 1)
    assert b"connection: close" in answers.rpartition(b"http/1.1")[2]
