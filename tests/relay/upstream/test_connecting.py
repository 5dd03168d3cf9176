import asyncio
import socket

import pytest
import pytest_asyncio

from relay.platforms.addresses import AddressRules, Endpoint
from relay.upstream.connecting import connect_to_first
from relay.upstream.link import LinkFailed, open_link
from relay.upstream.lookups import Lookups
from relay.upstream.resolver import Resolver
from relay.upstream.tls import tls_context
from tests.bench.ground.certificates import make_certificates
from tests.relay.upstream.linking import target
from tests.relay.upstream.names import Names

pytestmark = pytest.mark.asyncio


@pytest.fixture
def names():
    """What the platform's names mean."""
    return Names()


@pytest_asyncio.fixture
async def simulated(names, simulator_of, tmp_path):
    """A platform with TLS on this machine, called localhost, to which a link is opened."""
    certificates = make_certificates(tmp_path)
    platform = await simulator_of(tls_certificate=certificates.certificate, tls_key=certificates.key)
    platform.simulation.issue_token(platform.simulation.credentials.find("genesys", "demo-genesys"), "live")
    tls, port = tls_context(certificates.authority.read_text()), platform.url.rpartition(":")[2]
    resolver = Resolver(AddressRules(private_hosts={"localhost", "simulator.example"}), Lookups(names))

    async def link(*addresses, host="localhost"):
        names.meanings[host] = addresses
        url = f"wss://{host}:{port}/v2/websocket/echo"
        opened = await open_link(target(url, authorization="Bearer live", tls=tls), resolver)
        opened.transport.abort()
        return opened.transport.get_extra_info("peername")

    link.port = int(port)
    return link


async def test_s12_a_link_goes_to_what_was_checked_and_asks_no_second_time(simulated, names):
    assert await simulated("127.0.0.1") == ("127.0.0.1", simulated.port)
    assert names.asked == ["localhost"]


async def test_f41_the_certificate_must_be_the_names_whatever_the_address(simulated):
    with pytest.raises(LinkFailed, match=r"not valid for 'simulator\.example'"):
        await simulated("127.0.0.1", host="simulator.example")


async def test_an_address_at_which_nobody_is_gives_way_to_the_next(simulated):
    assert await simulated("127.0.0.9", "::1", "127.0.0.1")


async def test_f29_without_an_address_at_which_somebody_is_the_link_fails(simulated):
    with pytest.raises(LinkFailed, match=r"no connection to localhost:[0-9]+: .*Connect"):
        await simulated("127.0.0.9", "127.0.0.8")


async def test_f30_an_address_that_is_silent_gives_way_to_the_next(simulated, monkeypatch):
    monkeypatch.setattr("relay.upstream.connecting.ATTEMPT_SECONDS", 0.1)  # 2 s

    with socket.create_server(("127.0.0.9", simulated.port)):
        assert await simulated("127.0.0.9", "127.0.0.1")


async def test_f41_without_anybody_to_trust_nothing_is_sent_in_clear(simulated):
    endpoint = Endpoint("localhost", simulated.port, is_secure=True, is_address=False)

    with pytest.raises(ValueError, match="server_hostname is only meaningful with ssl"):
        await connect_to_first(("127.0.0.1",), endpoint, asyncio.Protocol, None)
