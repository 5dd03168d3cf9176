import socket

import aiohttp
import pytest
import pytest_asyncio
from aiohttp.abc import AbstractResolver

from relay.platforms.addresses import AddressRules
from relay.platforms.answers import TokenRequest
from relay.upstream.lookups import Lookups
from relay.upstream.platform_http import PlatformHttp
from relay.upstream.resolver import NoAddress, Resolver
from relay.upstream.tls import tls_context
from tests.bench.ground.certificates import make_certificates
from tests.relay.upstream.asking import OK
from tests.relay.upstream.names import Names

pytestmark = pytest.mark.asyncio
NOTHING = b"Content-Length: 0\r\n\r\n"


class Nobody(AbstractResolver):
    """What the session would resolve names with."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        raise AssertionError(f"{host}:{port} is resolved a second time, family {family}")

    async def close(self):
        """There is nothing to close."""


@pytest.fixture
def names():
    """A platform on this machine, which the operator names, and one that nobody does."""
    return Names(platform=["127.0.0.1"], other=["127.0.0.1"])


@pytest_asyncio.fixture
async def asking(names):
    """Asks platforms under a given trust; whose session can resolve nothing itself."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Nobody())) as session:

        def asking(ca_certificate="", **rules):
            rules = AddressRules(**{"private_hosts": {"platform.example"}} | rules)
            return PlatformHttp(session, Resolver(rules, Lookups(names)), tls_context(ca_certificate))

        yield asking


@pytest.fixture
def certificates(tmp_path):
    """An authority that nobody knows, and its certificate for 127.0.0.1 and localhost."""
    return make_certificates(tmp_path)


async def test_a_name_is_resolved_once_and_the_platform_called_by_it(asking, names, endpoint_of):
    endpoint = await endpoint_of(OK, NOTHING)

    async with await asking().get(f"http://Platform.example:{endpoint.port}/a%20b?c=d") as answer:
        assert answer.status == 200

    [request] = endpoint.requests
    assert request.startswith(b"GET /a%20b?c=d HTTP/1.1\r\n")
    assert f"\r\nHost: platform.example:{endpoint.port}\r\n".encode() in request
    assert names.asked == ["platform.example"]


async def test_a_token_is_asked_for_with_form_and_headers(asking, endpoint_of):
    endpoint = await endpoint_of(OK, NOTHING)
    url = f"http://platform.example:{endpoint.port}/token"

    async with await asking().post(TokenRequest(url, {"grant_type": "password"}, {"Authorization": "Basic x"})):
        pass

    assert endpoint.requests[0].startswith(b"POST /token HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Basic x\r\n" in endpoint.requests[0]


async def test_s12_a_redirect_is_an_answer(asking, endpoint_of):
    elsewhere = await endpoint_of(OK, NOTHING)
    endpoint = await endpoint_of(b"HTTP/1.1 302 Found\r\n", f"Location: {elsewhere.url}\r\n".encode(), NOTHING)

    async with await asking().get(f"http://platform.example:{endpoint.port}/") as answer:
        assert answer.status == 302
    assert elsewhere.requests == []


async def test_an_address_at_which_nobody_is_gives_way_to_the_next(asking, names, endpoint_of):
    names.meanings["platform.example"] = ["127.0.0.9", "127.0.0.1"]
    endpoint = await endpoint_of(OK, NOTHING)

    async with await asking().get(f"http://platform.example:{endpoint.port}/") as answer:
        assert answer.status == 200


async def test_f29_without_an_address_at_which_somebody_is_the_last_ones_fault_is_told(asking, names):
    names.meanings["platform.example"] = ["127.0.0.9", "::1"]

    with pytest.raises(aiohttp.ClientConnectorError, match="::1"):
        await asking().get("http://platform.example:1/")


async def test_a_request_that_was_sent_is_not_sent_to_the_next_address(asking, names, endpoint_of):
    names.meanings["platform.example"] = ["127.0.0.1", "127.0.0.9"]
    endpoint = await endpoint_of(b"")

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await asking().post(TokenRequest(f"http://platform.example:{endpoint.port}/", {"a": "b"}, {}))
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest/meta-data", "https://127.0.0.1/", "https://u:p@host/"])
async def test_s12_an_address_that_is_not_allowed_is_not_asked(asking, names, url):
    with pytest.raises(NoAddress, match="the URL can't be used"):
        await asking().get(url)
    assert names.asked == []


async def test_s12_a_name_that_leads_to_a_private_address_is_not_asked(asking, endpoint_of):
    endpoint = await endpoint_of(OK, NOTHING)

    with pytest.raises(NoAddress, match=r"other\.example resolves to 127\.0\.0\.1"):
        await asking(ports=(endpoint.port,)).get(f"https://other.example:{endpoint.port}/")
    assert endpoint.requests == []


async def test_the_certificate_must_be_the_names_whatever_the_address(asking, names, simulator_of, certificates):
    platform = await simulator_of(tls_certificate=certificates.certificate, tls_key=certificates.key)
    port, authority = platform.url.rpartition(":")[2], certificates.authority.read_text()
    names.meanings["localhost"] = ["127.0.0.1"]
    trusting = asking(authority, private_hosts={"localhost", "platform.example"})

    async with await trusting.get(f"https://localhost:{port}/.well-known/openid-configuration") as answer:
        assert answer.status == 200
    with pytest.raises(aiohttp.ClientConnectorCertificateError, match=r"not valid for 'platform\.example'"):
        await trusting.get(f"https://platform.example:{port}/.well-known/openid-configuration")
