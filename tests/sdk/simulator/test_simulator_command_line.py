"""The command: how it starts, says why it cannot, and stops; and TLS."""

import asyncio
import datetime as dt
import ipaddress
import signal
import socket
import ssl
import sys
from contextlib import AsyncExitStack

import aiohttp
import pytest
import pytest_asyncio
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from floodgate_simulator.application import running_simulator
from floodgate_simulator.settings import Settings

from tests.sdk.simulator.caller import PATIENCE_SECONDS, Caller, answer_of, close_of

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def command():
    """Starts the command with arguments; what still runs at the end is killed."""
    started = []

    async def start(*arguments):
        pipe = asyncio.subprocess.PIPE
        program = [sys.executable, "-m", "floodgate_simulator", *arguments]
        started.append(await asyncio.create_subprocess_exec(*program, stdout=pipe, stderr=pipe))
        return started[-1]

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "simulator")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    pem, unprotected = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "certificate.pem").write_bytes(signed.public_bytes(pem))
    private_format = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, private_format, unprotected))
    return folder / "certificate.pem", folder / "key.pem"


async def first_line(process):
    async with asyncio.timeout(PATIENCE_SECONDS):
        return (await process.stdout.readline()).decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_listens_answers_and_stops_cleanly_with_open_sockets(command, number):
    process = await command("--port", "0", "--raw-echo", "0")
    line = await first_line(process)
    url = line.split()[3].rstrip(",")
    async with aiohttp.ClientSession() as session:
        form = {"grant_type": "client_credentials", "client_id": "demo-genesys", "client_secret": "demo-genesys-secret"}
        async with session.post(f"{url}/oauth/token", data=form) as response:
            token = (await response.json())["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    address = url.replace("http", "ws") + "/v2/websocket/echo"
    async with websockets.connect(address, proxy=None, additional_headers=headers) as open_socket:
        open_socket.transport.pause_reading()

        process.send_signal(number)

        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await process.wait() == 0
    assert line.startswith("floodgate-simulator listens on http://127.0.0.1:")


async def test_a_port_in_use_is_one_clear_line_and_exit_2(command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await command("--port", str(taken.getsockname()[1]))
        _, error = await process.communicate()

    assert process.returncode == 2
    assert len(error.decode().splitlines()) == 1
    assert "Address already in use. Choose another --port." in error.decode()


async def test_a_certificate_that_cannot_be_read_is_one_clear_line_and_exit_2(command):
    process = await command("--tls-key", "none.pem", "--tls-certificate", "none.pem")
    _, error = await process.communicate()

    assert process.returncode == 2
    assert "No such file or directory" in error.decode()


async def test_tls_serves_http_sockets_and_the_raw_echo(certificate):
    settings = Settings(tls_certificate=certificate[0], tls_key=certificate[1], raw_echo_port=0)
    trust = ssl.create_default_context(cafile=certificate[0])
    async with running_simulator(settings=settings) as simulator:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            caller = Caller(simulator, session, AsyncExitStack())
            token = await caller.token()
            issuer = (await caller.get("/.well-known/openid-configuration")).told["issuer"]
        headers = {"Authorization": f"Bearer {token}"}
        echoes = []
        for url in (f"{simulator.ws_url}/v2/websocket/echo", simulator.raw_echo_url):
            connecting = websockets.connect(url, proxy=None, ssl=trust, additional_headers=headers)
            async with connecting as echo:
                await echo.send("hello")
                echoes.append(await answer_of(echo))

    assert issuer == simulator.url
    assert simulator.url.startswith("https://")
    assert echoes == ["hello", "hello"]


async def test_a_smaller_receive_buffer_holds_for_every_connection(caller_of):
    caller = await caller_of(receive_buffer_bytes=65_536)
    await caller.socket()
    own_socket = next(caller.simulator.simulation.open_connections()).own_socket

    assert own_socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 65_536  # Linux doubles what is asked for


async def test_a_stop_ends_every_connection_and_may_come_twice(caller_of):
    caller = await caller_of(raw_echo_port=0)
    socket = await caller.socket()
    echo = await caller.open(caller.simulator.raw_echo_url)

    await caller.simulator.stop()
    await caller.simulator.stop()

    assert await close_of(socket) == (1001, "simulator stops")
    assert (await close_of(echo))[0] == 1006


async def test_starts_follow_one_another_on_the_same_port():
    async with running_simulator() as first:
        pass
    async with running_simulator(port=first.port) as second:
        assert second.url == first.url
