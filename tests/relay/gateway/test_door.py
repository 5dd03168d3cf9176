import asyncio
import json
import re
from contextlib import asynccontextmanager
from functools import partial

import pytest
from floodgate_simulator.faults.fault import Fault

from relay.gateway import door
from tests.relay.eventually import eventually, turns
from tests.relay.integration import drop, raw_connection
from tests.relay.opening import upgrade_request
from tests.relay.running import running_relay

pytestmark = pytest.mark.asyncio
KIB = 1024
MASKED_HI = b"\x81\x82\0\0\0\0hi"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: relay\r\n\r\n"
ECHO = upgrade_request("/v2/websocket/echo")


@pytest.fixture
def bound(monkeypatch):
    """Sets one of the door's bounds, which no test could wait for."""
    return partial(monkeypatch.setattr, door)


@asynccontextmanager
async def knocking(relay, *pieces):
    """A client of bare bytes that has sent ``pieces`` in one."""
    client = await raw_connection(relay.port)
    try:
        client.send(*pieces)
        yield client
    finally:
        await drop(client.writer)


async def refusal_of(relay, *pieces):
    """Status and problem code of an answer after which the socket ends well."""
    async with knocking(relay, *pieces) as client:
        status = await client.read_status()
        return status, json.loads(await client.reader.read())["code"]


async def livez_again(client):
    """The status of one more ordinary request."""
    client.send(LIVEZ)
    status = await client.read_status()
    await client.reader.readexactly(len(b'{"status": "ok"}'))
    return status


async def test_b11_frames_that_come_with_the_upgrade_are_answered_400(integration):
    client = await integration.knock("/v2/websocket/echo", early=MASKED_HI)

    assert await client.read_status() == 400
    assert b"Send no frames before the answer to the upgrade." in await client.end()


async def test_b11_a_single_byte_too_early_is_answered_400(relay):
    assert await refusal_of(relay, ECHO, b"\x81") == (400, "frames_too_early")


async def test_b11_frames_that_come_while_the_relay_decides_are_held_and_delivered(integration, simulator):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake", count=1))
    client = await integration.knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)

    client.send(MASKED_HI)
    await turns(0.05)
    simulator.simulation.faults.remove(hang.id)

    assert await client.read_status() == 101
    assert await client.frame() == (0x81, b"hi")


async def test_a_refused_handshake_is_no_error_in_the_log_and_ends_its_socket(integration, caplog):
    client = await integration.knock("/v2/websocket/nowhere")

    assert await client.read_status() == 404
    assert b'"channel_not_found"' in await client.end()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


WRONG_UPGRADES = {
    "no_key": (ECHO.replace(b"Sec-WebSocket-Key", b"X-Key"), 400, "handshake_invalid"),
    "short_key": (ECHO.replace(b"A" * 22 + b"==", b"AAAA"), 400, "handshake_invalid"),
    "two_hosts": (ECHO.replace(b"Host: relay\r\n", b"Host: relay\r\nHost: other\r\n"), 400, "request_invalid"),
    "no_host": (ECHO.replace(b"Host: relay\r\n", b""), 400, "request_invalid"),
    "a_body": (upgrade_request("/v2/websocket/echo", "Content-Length: 2\r\n"), 400, "handshake_invalid"),
    "http_1.0": (ECHO.replace(b"HTTP/1.1", b"HTTP/1.0"), 400, "handshake_invalid"),
    "post": (ECHO.replace(b"GET", b"POST"), 405, "method_not_allowed"),
    "another_version": (ECHO.replace(b"Version: 13", b"Version: 8"), 426, "websocket_version"),
    "no_version": (ECHO.replace(b"Sec-WebSocket-Version", b"X-Version"), 426, "websocket_version"),
}


@pytest.mark.parametrize(("request_bytes", "status", "code"), WRONG_UPGRADES.values(), ids=WRONG_UPGRADES)
async def test_b1_an_upgrade_that_is_wrong_is_told_how(relay, request_bytes, status, code):
    assert await refusal_of(relay, request_bytes) == (status, code)


@pytest.mark.parametrize("scheme", ["http", "ws", "HTTPS"])
async def test_a_handshake_may_name_the_host_in_its_target(integration, scheme):
    client = await raw_connection(integration.relay.port)
    token = integration.headers()["Authorization"]
    asked = upgrade_request(f"{scheme}://other.example/v2/websocket/echo", f"Authorization: {token}\r\n")

    client.send(asked)

    assert await client.read_status() == 101
    await drop(client.writer)


async def test_an_ordinary_request_may_name_the_host_in_its_target(relay):
    async with knocking(relay, b"GET http://relay/livez HTTP/1.1\r\nHost: relay\r\n\r\n") as client:
        assert await client.read_status() == 200


async def test_an_empty_line_before_a_request_and_between_two_is_nothing(relay):
    livez = b"GET /livez HTTP/1.1\r\nHost: relay\r\n\r\n"

    async with knocking(relay, b"\r\n", livez) as client:
        assert await client.read_status() == 200
        await client.reader.readexactly(len(b'{"status": "ok"}'))
        client.send(b"\r\n\r\n", livez)
        assert await client.read_status() == 200


@pytest.mark.parametrize("target", [b"*", b"relay:443", b"ftp://relay/livez"])
async def test_a_target_that_is_neither_path_nor_address_is_told_so(relay, target):
    assert await refusal_of(relay, b"GET %s HTTP/1.1\r\nHost: relay\r\n\r\n" % target) == (400, "request_invalid")


async def test_b1_an_ordinary_request_to_a_websockets_path_is_told_to_upgrade(relay):
    request = b"GET /v2/websocket/echo HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n"

    assert await refusal_of(relay, request) == (426, "upgrade_required")


async def test_b1_another_version_is_told_the_one_that_is_spoken(relay):
    async with knocking(relay, ECHO.replace(b"Version: 13", b"Version: 8")) as client:
        assert await client.read_status() == 426
        assert b"sec-websocket-version: 13" in client.head


HEADS = {
    "nul_in_a_value": (upgrade_request("/v2/websocket/echo", "X-Odd: a\0b\r\n"), 400),
    "bare_cr_in_a_value": (upgrade_request("/v2/websocket/echo", "X-Odd: a\rb\r\n"), 400),
    "bare_lf_in_a_value": (upgrade_request("/v2/websocket/echo", "X-Odd: a\nb\r\n"), 400),
    "folded_line": (upgrade_request("/v2/websocket/echo", "X-Odd: a\r\n b\r\n"), 400),
    "space_before_colon": (upgrade_request("/v2/websocket/echo", "X-Odd : a\r\n"), 400),
    "no_colon": (upgrade_request("/v2/websocket/echo", "X-Odd\r\n"), 400),
    "no_http": (b"canary\r\n\r\n", 400),
    "tls_to_a_plain_port": (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(100), 400),
    "129_headers": (upgrade_request("/v2/websocket/echo", "X-Odd: a\r\n" * 125), 431),
    "head_over_64_kib": (b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 80 * KIB, 431),
    "line_over_8_kib": (b"GET /" + b"a" * 9 * KIB, 414),
    "path_over_8_kib": (upgrade_request("/" + "a" * 9 * KIB), 414),
}


@pytest.mark.parametrize(("request_bytes", "status"), HEADS.values(), ids=HEADS)
async def test_b9_a_head_that_is_wrong_or_too_large_is_answered_and_its_socket_ends(relay, request_bytes, status):
    assert await refusal_of(relay, request_bytes) == (status, "request_invalid")


async def test_b9_two_lengths_are_refused(relay):
    two = b"POST /oauth/token HTTP/1.1\r\nHost: relay\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
    async with knocking(relay, two) as client:
        assert await client.read_status() == 400


async def test_b9_the_most_that_is_allowed_is_let_in(integration):
    headers = "".join(f"X-{number}: a\r\n" for number in range(100))

    client = await integration.knock("/v2/websocket/echo", headers=headers)

    assert await client.read_status() == 101


async def test_b9_who_sends_a_megabyte_of_head_reads_why_it_is_refused(relay):
    async with knocking(relay, b"GET / HTTP/1.1\r\nX-Long: ", b"a" * 1000 * KIB) as client:
        assert await client.read_status() == 431
        assert b"the head has more than 65,536 bytes" in await client.reader.read()


async def test_who_goes_on_sending_after_a_refusal_is_cut_off(relay):
    async with knocking(relay, b"canary\r\n\r\n") as client:
        assert await client.read_status() == 400
        client.send(b"a" * 3000 * KIB)
        await client.end()


async def test_who_does_not_close_after_a_refusal_is_cut_off(relay, bound):
    bound("LINGER_SECONDS", 0.1)  # 2 s
    async with knocking(relay, b"canary\r\n\r\n") as client:
        await client.end()
        await eventually(lambda: client.writer.transport.is_closing() or client.send(b"a"))


@pytest.mark.parametrize("begun", [b"", b"G", ECHO[:-2]], ids=["silent", "first_byte", "nearly_all"])
async def test_b10_who_sends_no_request_in_time_is_answered_408(relay, bound, begun):
    bound("HANDSHAKE_DEADLINE_SECONDS", 0.1)  # 5 s

    assert await refusal_of(relay, begun) == (408, "request_timeout")


async def test_b10_one_byte_after_the_other_does_not_put_the_end_off(relay, bound):
    bound("HANDSHAKE_DEADLINE_SECONDS", 0.3)  # 5 s
    async with knocking(relay) as client:
        answer = asyncio.create_task(client.read_status())
        for byte in ECHO:
            client.send(bytes([byte]))
            await turns(0.02)
            if answer.done():
                break
        assert await answer == 408


async def test_b10_a_second_request_has_a_deadline_too(relay, bound):
    bound("HANDSHAKE_DEADLINE_SECONDS", 0.2)  # 5 s
    async with knocking(relay) as client:
        assert await livez_again(client) == 200
        client.send(b"GET")

        assert await client.read_status() == 408


async def test_an_idle_connection_is_closed_without_a_word(relay, bound):
    bound("HANDSHAKE_DEADLINE_SECONDS", 0.2)  # 5 s
    async with knocking(relay) as client:
        assert await livez_again(client) == 200

        assert await client.end() == b""


async def test_a_connection_may_bring_many_requests_one_after_the_other(relay):
    async with knocking(relay) as client:
        assert [await livez_again(client) for _ in range(3)] == [200] * 3


async def test_requests_that_come_together_are_answered_in_order(relay):
    async with knocking(relay, LIVEZ, LIVEZ, b"canary\r\n\r\n") as client:
        statuses = []
        for _ in range(3):
            statuses.append(await client.read_status())
            length = int(client.head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await client.reader.readexactly(length)

    assert statuses == [200, 200, 400]


async def test_every_request_is_charged_to_its_address_and_beyond_its_limit_the_connection_ends(relays_redis_url):
    with running_relay(relays_redis_url, ADDRESS_HANDSHAKE_PERMITS=1, ADDRESS_HANDSHAKE_BURST=2) as relay:
        async with knocking(relay, LIVEZ * 20) as client:
            answers = await client.end()

    statuses = re.findall(rb"HTTP/1.1 (\d+)", answers)
    assert (statuses[:3], statuses[-1], len(statuses) < 10) == ([b"200"] * 3, b"429", True)
    assert re.search(rb"(?i)retry-after: \d", answers)


async def test_who_asks_the_port_for_operations_is_charged_to_nobody(relays_redis_url):
    with running_relay(relays_redis_url, ADDRESS_HANDSHAKE_PERMITS=1, ADDRESS_HANDSHAKE_BURST=0) as relay:
        for _ in range(5):
            client = await raw_connection(relay.operations_port)
            client.send(LIVEZ)
            assert await client.read_status() == 200
            await drop(client.writer)


AMBIGUOUS = {
    "length_and_chunks": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    "two_codings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "another_coding": b"Transfer-Encoding: gzip, chunked\r\n",
    "two_equal_lengths": b"Content-Length: 3\r\nContent-Length: 3\r\n",
    "a_list_of_lengths": b"Content-Length: 3, 3\r\n",
    "a_length_with_a_sign": b"Content-Length: +3\r\n",
    "two_types": b"Content-Length: 3\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n",
    "two_authorizations": b"Content-Length: 3\r\nAuthorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n",
    "two_hosts": b"Content-Length: 3\r\nHost: other\r\n",
}


@pytest.mark.parametrize("headers", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_a_request_that_can_be_understood_in_two_ways_is_refused_and_its_socket_ends(relay, headers):
    request = b"POST /oauth/token HTTP/1.1\r\nHost: relay\r\n" + headers + b"\r\na=b"

    assert await refusal_of(relay, request + LIVEZ) == (400, "request_invalid")


async def test_a_websocket_may_be_opened_on_a_connection_that_has_had_an_answer(integration):
    client = await integration.knock("/v2/websocket/echo", before=LIVEZ)

    assert await client.read_status() == 200
    await client.reader.readexactly(len(b'{"status": "ok"}'))
    assert await client.read_status() == 101


async def test_a_health_check_in_http_1_0_is_answered(relay):
    async with knocking(relay, b"GET /livez HTTP/1.0\r\n\r\n") as client:
        assert await client.read_status() == 200
        assert await client.end() == b'{"status": "ok"}'


async def test_whoever_sends_no_more_after_its_request_is_answered(relay):
    for request, status in ((LIVEZ, 200), (ECHO, 401), (b"canary\r\n\r\n", 400)):
        for _ in range(10):
            async with knocking(relay, request) as client:
                client.writer.write_eof()
                assert await client.read_status() == status
                await client.end()


async def test_all_requests_that_came_before_the_end_of_a_connection_are_answered(relay):
    async with knocking(relay, LIVEZ * 3) as client:
        client.writer.write_eof()

        assert (await client.end()).count(b"HTTP/1.1 200") == 3


async def test_a_half_closed_request_that_is_not_whole_ends_its_socket(relay):
    for begun in (LIVEZ[:-2], b"POST /oauth/token HTTP/1.1\r\nHost: relay\r\nContent-Length: 9\r\n\r\nhalf"):
        async with knocking(relay, begun) as client:
            client.writer.write_eof()
            assert await client.end() == b""


async def test_a_handshake_whose_client_sends_no_more_is_answered(integration):
    client = await integration.knock("/v2/websocket/echo")
    client.writer.write_eof()

    assert await client.read_status() == 101


async def test_no_answer_says_which_server_it_is(relay):
    for request in (LIVEZ, b"canary\r\n\r\n", ECHO):
        async with knocking(relay, request) as client:
            await client.read_status()
            assert b"server:" not in client.head.lower()
            assert b"date: " in client.head.lower()


async def test_a_client_that_leaves_during_its_handshake_leaves_nothing_behind(integration, simulator):
    hang = simulator.simulation.order(Fault(kind="hang", target="handshake", count=1))
    client = await integration.knock("/v2/websocket/echo")
    await eventually(lambda: hang.struck)

    await drop(client.writer)
    simulator.simulation.faults.remove(hang.id)

    await eventually(lambda: not integration.relay.server.server_state.tasks)
