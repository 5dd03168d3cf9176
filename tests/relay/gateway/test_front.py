import asyncio
import json
import ssl
from ipaddress import ip_network

import pytest
import pytest_asyncio
import websockets

from relay.gateway import front
from relay.telemetry.defects import defects
from tests.relay.integration import PATIENCE_SECONDS, RawConnection, drop, raw_connection
from tests.relay.opening import upgrade_request
from tests.relay.running import HOST, running_relay

pytestmark = pytest.mark.asyncio
ECHO = upgrade_request("/v2/websocket/echo")
HERE = (ip_network("127.0.0.0/8"),)
ONE_A_SECOND = {"ADDRESS_HANDSHAKE_PERMITS": 1, "ADDRESS_HANDSHAKE_BURST": 0}
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"


def line(address):
    """A header of version 1."""
    return f"PROXY TCP4 {address} 127.0.0.1 4711 8001\r\n".encode()


def binary(address):
    """A header of version 2."""
    source = bytes(int(part) for part in address.split("."))
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + source + b"\x7f\0\0\1" + b"\x12\x67\x1f\x41"


@pytest.fixture
def behind(settings):
    """The relay stands behind proxies on this machine that send their header."""
    settings.PROXY_PROTOCOL, settings.TRUSTED_PROXIES = True, HERE


@pytest.fixture
def behind_relay(behind, relays_redis_url, store):
    """Such a relay, which lets one handshake a second of each address come as far as its token."""
    with running_relay(relays_redis_url, **ONE_A_SECOND) as running:
        yield running


@pytest.fixture
def narrow_relay(relays_redis_url, store):
    """A relay with nothing before it, which lets one handshake a second of each address in."""
    with running_relay(relays_redis_url, **ONE_A_SECOND) as running:
        yield running


@pytest_asyncio.fixture
async def answered():
    """Sends bytes to a relay, and gives the status and the problem's code, or none where it just closed."""
    opened = []

    async def answer(relay, *pieces):
        client = await raw_connection(relay.port)
        opened.append(client)
        for piece in pieces:
            client.send(piece)
            await asyncio.wait([asyncio.ensure_future(client.writer.drain())])
        try:
            status = await client.read_status()
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return status, json.loads(await client.end())["code"]

    yield answer
    for client in opened:
        await drop(client.writer)


async def tls_over(client, trust):
    """TLS whose records the test carries itself, so that nothing is answered unless it wants to."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            client.send(outgoing.read())
            incoming.write(await client.reader.read(2**16))
        else:
            return tls, outgoing


async def test_a_client_may_speak_tls(tls_relay, integration_of, trust):
    integration = integration_of(tls_relay)
    url = f"wss://localhost:{tls_relay.port}/v2/websocket/echo"

    async with websockets.connect(url, ssl=trust, additional_headers=integration.headers(), proxy=None) as connection:
        await connection.send("hi" * 100_000)
        assert await connection.recv() == "hi" * 100_000


async def test_a_refusal_reaches_a_client_with_tls(tls_relay, trust):
    reader, writer = await asyncio.open_connection(HOST, tls_relay.port, ssl=trust, server_hostname="localhost")
    client = RawConnection(reader, writer)

    client.send(ECHO)

    assert await client.read_status() == 401
    assert b"token_missing" in await client.end()
    writer.close()


async def test_a_client_without_tls_is_closed_where_tls_is_spoken(tls_relay, answered):
    assert await answered(tls_relay, ECHO) is None


async def test_old_versions_of_tls_are_refused(tls_relay, trust, certificates):
    old = ssl.create_default_context(cafile=certificates.authority)
    with pytest.deprecated_call():
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(HOST, tls_relay.port, ssl=old, server_hostname="localhost")


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01"], ids=["silent", "half a hello"])
async def test_b10_who_never_finishes_tls_is_closed(tls_relay, monkeypatch, begun):
    monkeypatch.setattr(front, "HANDSHAKE_DEADLINE_SECONDS", 0.2)  # 5 s
    client = await raw_connection(tls_relay.port)

    client.send(begun)

    assert await client.end() == b""
    await drop(client.writer)


async def test_b10_who_does_not_answer_the_end_of_tls_is_cut_off(
    relays_redis_url, store, certificates, trust, monkeypatch
):
    monkeypatch.setattr(front, "LINGER_SECONDS", 0.2)  # 2 s; uvloop's own are 30
    files = {"TLS_CERTIFICATE_FILE": str(certificates.certificate), "TLS_KEY_FILE": str(certificates.key)}
    with running_relay(relays_redis_url, **files) as relay:
        client = await raw_connection(relay.port)
        tls, outgoing = await tls_over(client, trust)

        tls.write(ECHO)
        client.send(outgoing.read())

        assert await client.end()
        await drop(client.writer)


@pytest.mark.parametrize("header", [line, binary])
async def test_s26_the_address_that_a_proxy_tells_is_the_one_that_is_limited(behind_relay, answered, header):
    told = [await answered(behind_relay, header(address) + ECHO) for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2")]

    assert told == [(401, "token_missing"), (429, "rate_limited"), (401, "token_missing")]


async def test_a_header_may_come_in_pieces(behind_relay, answered):
    header = binary("192.0.2.1")

    assert await answered(behind_relay, header[:5], header[5:20], header[20:] + ECHO) == (401, "token_missing")


@pytest.mark.parametrize("first", [ECHO, b"GET /livez HTTP/1.1\r\n\r\n", b"PROXY TCP4 evil 127.0.0.1 1 2\r\n" + ECHO])
async def test_s26_who_sends_no_header_is_closed_where_proxies_send_it(behind_relay, answered, first):
    assert await answered(behind_relay, first) is None


async def test_s26_a_header_of_somebody_else_is_not_believed(behind, settings, relays_redis_url, store, answered):
    settings.TRUSTED_PROXIES = (ip_network("10.0.0.0/8"),)

    with running_relay(relays_redis_url) as relay:
        assert await answered(relay, line("192.0.2.1") + ECHO) is None


@pytest.mark.parametrize("function", ["is_trusted", "read_proxy_header"])
async def test_a9_what_fails_unexpectedly_at_the_front_door_closes_that_one_socket(
    behind_relay, answered, replaced, function
):
    usual, before, failing = getattr(front, function), defects()["front door"], [RuntimeError("nobody expected it")]

    def once(*arguments):
        if failing:
            raise failing.pop()
        return usual(*arguments)

    replaced(f"relay.gateway.front:{function}", once)

    assert await answered(behind_relay, line("192.0.2.60"), ECHO) is None
    assert await answered(behind_relay, line("192.0.2.60"), ECHO) == (401, "token_missing")
    assert defects()["front door"] == before + 1


async def test_a_proxys_own_health_check_counts_as_the_proxys(behind_relay, answered):
    told = [await answered(behind_relay, LOCAL + ECHO) for _ in range(2)]

    assert told == [(401, "token_missing"), (429, "rate_limited")]


async def test_tls_may_follow_a_proxys_header(behind, relays_redis_url, store, certificates, trust):
    files = {"TLS_CERTIFICATE_FILE": str(certificates.certificate), "TLS_KEY_FILE": str(certificates.key)}
    with running_relay(relays_redis_url, **files) as relay:
        reader, writer = await asyncio.open_connection(HOST, relay.port)
        writer.write(line("192.0.2.1"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await writer.start_tls(trust, server_hostname="localhost")
        client = RawConnection(reader, writer)
        client.send(ECHO)

        assert await client.read_status() == 401
        writer.close()


@pytest.mark.parametrize(
    ("headers", "is_limited"),
    [
        ("X-Forwarded-For: 192.0.2.1\r\n", False),
        ("Forwarded: for=192.0.2.1\r\n", False),
        ("X-Forwarded-For: 192.0.2.1, 127.0.0.2\r\n", False),
        ("X-Client-Ip: 192.0.2.1\r\n", True),
    ],
)
async def test_s26_a_trusted_proxys_forwarded_address_is_the_one_that_is_limited(
    settings, narrow_relay, answered, headers, is_limited
):
    settings.TRUSTED_PROXIES = HERE
    await answered(narrow_relay, ECHO)

    status, _ = await answered(narrow_relay, upgrade_request("/v2/websocket/echo", headers))

    assert status == (429 if is_limited else 401)


async def test_s26_a_clients_own_forwarded_header_changes_nothing(narrow_relay, answered):
    await answered(narrow_relay, ECHO)

    status, _ = await answered(narrow_relay, upgrade_request("/v2/websocket/echo", "X-Forwarded-For: 192.0.2.1\r\n"))

    assert status == 429
