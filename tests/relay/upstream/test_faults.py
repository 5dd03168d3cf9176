import asyncio
import re
import socket
import ssl
from contextlib import AsyncExitStack
from datetime import timedelta

import aiohttp
import pytest
import pytest_asyncio
from websockets.frames import Frame, Opcode

from relay.platforms.addresses import HTTP, AddressRules
from relay.platforms.answers import Refusal
from relay.protocol.denials import Denied
from relay.upstream.dial import platform_link
from relay.upstream.faults import Phase, count_fault, tls_reason
from relay.upstream.lookups import Lookups
from relay.upstream.resolver import NoAddress, Resolver
from relay.upstream.token_requests import TokenUnavailable
from tests.bench.ground.certificates import make_certificates
from tests.relay import records
from tests.relay.upstream.asking import ANSWERS_THAT_ARE_NONE, refusal_of
from tests.relay.upstream.linking import target
from tests.relay.upstream.names import Names
from tests.relay.upstream.self_signed import self_signed

pytestmark = pytest.mark.asyncio
DAY = timedelta(days=1)


@pytest.fixture
def faults(tokens):
    """What was counted."""
    return tokens.faults


@pytest.fixture
def fail(tokens, simulator):
    """Fails to open a link; what is given changes the platform connection."""

    async def fail(**changes):
        channel = records.channel(connection_with(simulator, changes))
        with pytest.raises(Denied):
            await platform_link(tokens, channel, channel.platform_connection.credentials[0].id, target(""), 0)

    fail.faults = tokens.faults
    return fail


@pytest_asyncio.fixture
async def self_signed_of(tmp_path):
    """Starts platforms with certificates of their own: address and certificate."""
    async with AsyncExitStack() as stack:

        async def start(ends_in=DAY, **options):
            return await stack.enter_async_context(self_signed(tmp_path, ends_in=ends_in, **options))

        yield start


def connection_with(simulator, changes):
    """A platform connection whose tokens are the simulator's, unless ``changes`` say something else."""
    return records.platform_connection(simulator.url, **changes)


@pytest.mark.parametrize(
    ("meaning", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "unknown_name"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "no_answer"),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "other"),
        (TimeoutError("no answer within 5 s"), "no_answer"),
        (OSError("32 other names are being looked up"), "other"),
        (["10.0.0.1"], "refused_address"),
    ],
    ids=["unknown", "temporary", "broken", "timeout", "busy", "private"],
)
async def test_f40_a_name_that_brings_no_address_is_counted_once_for_each_lookup(meaning, reason):
    resolver = Resolver(AddressRules(), Lookups(Names(platform=meaning)))

    for _ in range(3):
        with pytest.raises(NoAddress):
            await resolver.addresses(resolver.endpoint("https://platform.example/", HTTP))

    assert resolver.faults.dns_failures == {reason: 1}


async def test_f40_the_systems_own_word_for_an_unknown_name_is_understood(fail, faults):
    await fail(socket_url="wss://nowhere.invalid/{channel}")

    [(reason, count)] = faults.dns_failures.items()
    assert (reason in ("unknown_name", "no_answer"), count) == (True, 1)
    assert not any((faults.tls_errors, faults.timeouts, faults.protocol_errors))


@pytest.mark.parametrize(
    ("certificate", "is_trusted", "reason"),
    [
        ({"ends_in": -DAY}, True, "expired"),
        ({"ends_in": 3 * DAY}, True, "not_yet_valid"),
        ({"name": "127.0.0.2"}, True, "wrong_name"),
        ({}, False, "self_signed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_f41_a_certificate_that_is_refused_is_counted_by_why(
    fail, self_signed_of, certificate, is_trusted, reason
):
    address, itself = await self_signed_of(**certificate)
    trusted = itself if is_trusted else ""

    await fail(socket_url=f"wss://{address}/{{channel}}", ca_certificate=trusted)
    await fail(token_url=f"https://{address}/token", ca_certificate=trusted)

    assert fail.faults.tls_errors == {reason: 2}


async def test_f41_an_unknown_authority_is_counted(fail, faults, simulator_of, tmp_path):
    certificates = make_certificates(tmp_path)
    platform = await simulator_of(tls_certificate=certificates.certificate, tls_key=certificates.key)

    await fail(socket_url=f"{platform.ws_url}/{{channel}}")

    assert faults.tls_errors == {"unknown_authority": 1}


@pytest.mark.parametrize(("field", "scheme"), [("socket_url", "wss"), ("token_url", "https")])
async def test_f41_a_platform_that_speaks_no_tls_is_counted(fail, faults, simulator_of, field, scheme):
    plain = await simulator_of()

    await fail(**{field: plain.url.replace("http", scheme)})

    assert faults.tls_errors == {"handshake": 1}


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        (TimeoutError(), "token"),
        (aiohttp.ConnectionTimeoutError(), "connect"),
        (TimeoutError(110, "ETIMEDOUT"), "token"),
    ],
    ids=["whole", "connecting", "kernel"],
)
async def test_f30_a_token_request_that_is_not_waited_for_is_counted_by_its_phase(faults, error, phase):
    unavailable = TokenUnavailable("too late", refusal=Refusal.UNAVAILABLE)
    unavailable.__cause__ = error

    count_fault(faults, unavailable, Phase.TOKEN)

    assert faults.timeouts == {phase: 1}


async def test_f38_a_handshake_that_makes_no_sense_is_counted(fail, faults, raw_platform_of):
    platform = await raw_platform_of(lambda _: b"\xff\x00 garbage\r\n\r\n")

    await fail(socket_url=platform.url)

    assert faults.protocol_errors == {"handshake": 1}


@pytest.mark.parametrize("name", ["garbage", "half a body", "half a chunk", "no gzip", "long line"])
async def test_f38_a_token_answer_that_makes_no_sense_is_counted(tokens, faults, endpoint_of, name):
    endpoint = await endpoint_of(*ANSWERS_THAT_ARE_NONE[name])

    await refusal_of(tokens, records.platform_connection("", token_url=endpoint.url))

    assert faults.protocol_errors == {"token": 1}


@pytest.mark.parametrize("fields", [{"token_url": "http://127.0.0.1:1/"}, {"socket_url": "ws://127.0.0.1:1/{channel}"}])
async def test_f29_a_platform_that_is_not_there_has_no_fault_but_that(fail, faults, fields):
    await fail(**fields)

    assert not any((faults.dns_failures, faults.tls_errors, faults.timeouts, faults.protocol_errors))


async def test_f38_what_breaks_the_protocol_in_a_session_is_on_the_page_of_metrics(bare, relay):
    async def counted():
        async with aiohttp.ClientSession() as http, http.get(f"{relay.operations_url}/metrics") as answer:
            shown = re.search(r'protocol_errors_total\{phase="session"\} (\d+)', await answer.text())
        return int(shown[1]) if shown else 0

    before = await counted()
    client, platform = await bare()
    platform.send(Frame(Opcode.TEXT, b"masked").serialize(mask=True))
    await client.close_frame()

    async with asyncio.timeout(10):
        while await counted() != before + 1:  # the page is good for a second
            await client.silence()


async def test_a_certificate_that_is_refused_for_a_reason_without_a_word_is_not_trusted():
    refused = ssl.SSLCertVerificationError(1, "certificate revoked")
    refused.verify_code = 23

    assert tls_reason(refused) == "not_trusted"
