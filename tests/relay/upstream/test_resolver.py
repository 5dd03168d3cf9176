import asyncio
import socket
import threading

import pytest
import pytest_asyncio

from relay.platforms.addresses import HTTP, WEBSOCKET, AddressRules
from relay.upstream.link import LinkFailed, open_link
from relay.upstream.lookups import Lookups
from relay.upstream.resolver import MOST_NAMES, NoAddress, Resolver
from relay.upstream.tls import tls_context
from tests.relay.eventually import eventually, turns
from tests.relay.upstream.linking import target
from tests.relay.upstream.names import Clock, Names

pytestmark = pytest.mark.asyncio
FIRST, SECOND = "52.16.1.1", "52.16.1.2"
GONE = socket.gaierror(-3, "Temporary failure in name resolution")


@pytest.fixture
def names():
    """One platform at a public address."""
    return Names(platform=[FIRST])


@pytest.fixture
def clock():
    """The resolver's time."""
    return Clock()


@pytest_asyncio.fixture
async def resolve(names, clock):
    """The addresses of a name under .example, as one relay process finds them."""
    rules = AddressRules(private_hosts={"simulator.example"})
    resolver = Resolver(rules, Lookups(names), now=clock)

    async def resolve(host="platform.example"):
        return await resolver.addresses(resolver.endpoint(f"https://{host}/", HTTP))

    yield resolve
    await resolver.aclose()


@pytest.mark.parametrize(("host", "address"), [("52.16.1.9", "52.16.1.9"), ("[2600:1F18::1]", "2600:1f18::1")])
async def test_an_address_needs_no_looking_up(resolve, names, host, address):
    assert await resolve(host) == (address,)
    assert names.asked == []


async def test_all_addresses_of_a_name_come_in_their_order(resolve, names):
    names.meanings["platform.example"] = [SECOND, "2600:1f18::1", FIRST]

    assert await resolve() == (SECOND, "2600:1f18::1", FIRST)


async def test_handshakes_together_ask_once(resolve, names):
    assert await asyncio.gather(*(resolve() for _ in range(20))) == [(FIRST,)] * 20
    assert names.asked == ["platform.example"]


async def test_an_answer_serves_for_a_few_seconds(resolve, names, clock):
    await resolve()
    names.meanings["platform.example"] = [SECOND]
    clock.seconds = 4.9
    assert await resolve() == (FIRST,)

    clock.seconds = 5.0
    assert await resolve() == (SECOND,)


@pytest.mark.parametrize("found", [["10.0.0.1"], [FIRST, "169.254.169.254"], ["::ffff:10.0.0.1", FIRST]])
async def test_s12_one_private_address_refuses_a_name(resolve, names, found):
    names.meanings["platform.example"] = found

    with pytest.raises(NoAddress, match=r"^platform\.example resolves to [0-9a-f.:]+, which is refused: "):
        await resolve()


async def test_s12_f40_a_name_that_turns_private_is_refused_whatever_it_was_before(resolve, names, clock):
    await resolve()
    names.meanings["platform.example"] = ["127.0.0.1"]
    clock.seconds = 5.0
    with pytest.raises(NoAddress, match=r"resolves to 127\.0\.0\.1"):
        await resolve()

    names.meanings["platform.example"] = GONE
    clock.seconds = 10.0
    with pytest.raises(NoAddress, match="can't be resolved"):
        await resolve()


async def test_a_refusal_is_not_asked_for_again_at_once(resolve, names):
    names.meanings["platform.example"] = ["10.0.0.1"]
    for _ in range(3):
        with pytest.raises(NoAddress):
            await resolve()

    assert names.asked == ["platform.example"]


async def test_s12_a_host_that_the_operator_names_may_be_private(resolve, names):
    names.meanings["simulator.example"] = ["127.0.0.1"]

    assert await resolve("simulator.example") == ("127.0.0.1",)


async def test_f40_a_name_that_nobody_knows_is_told_and_asked_for_again_after_a_while(resolve, names, clock):
    names.meanings["platform.example"] = GONE
    for _ in range(3):
        with pytest.raises(NoAddress, match=r"platform\.example can't be resolved: .*Temporary failure"):
            await resolve()
    assert names.asked == ["platform.example"]

    names.meanings["platform.example"] = [FIRST]
    clock.seconds = 5.0
    assert await resolve() == (FIRST,)


async def test_f40_the_last_good_answer_serves_for_five_minutes(resolve, names, clock, caplog):
    await resolve()
    names.meanings["platform.example"] = GONE
    for second in range(5, 300, 5):
        clock.seconds = second
        assert await resolve() == (FIRST,)
    assert "platform_name_unresolved" in caplog.text

    clock.seconds = 300.0
    with pytest.raises(NoAddress, match="can't be resolved"):
        await resolve()


async def test_f40_while_nobody_answers_the_last_good_answer_comes_at_once(resolve, names, clock):
    await resolve()
    names.meanings["platform.example"] = GONE
    clock.seconds = 5.0
    await resolve()

    silence = names.meanings["platform.example"] = threading.Event()
    clock.seconds = 10.0
    assert await resolve() == (FIRST,)
    assert await resolve() == (FIRST,)
    silence.set()


async def test_f40_a_name_that_is_known_again_is_used_from_the_next_handshake_on(resolve, names, clock):
    await resolve()
    names.meanings["platform.example"] = GONE
    clock.seconds = 5.0
    await resolve()

    names.meanings["platform.example"] = [SECOND]
    clock.seconds = 10.0
    async with asyncio.timeout(10):
        while await resolve() == (FIRST,):
            await turns(0.005)
    assert await resolve() == (SECOND,)


async def test_a_client_that_leaves_ends_no_lookup_for_the_others(resolve, names):
    silence = names.meanings["platform.example"] = threading.Event()
    first, second = (asyncio.create_task(resolve()) for _ in range(2))
    await eventually(lambda: names.asked)

    first.cancel()
    silence.set()

    with pytest.raises(NoAddress, match=r"192\.0\.2\.99"):
        await second
    assert names.asked == ["platform.example"]


async def test_names_that_are_kept_are_bounded(resolve, names):
    for number in range(MOST_NAMES + 1):
        names.meanings[f"n{number}.example"] = [FIRST]
        await resolve(f"n{number}.example")
    names.asked.clear()

    await resolve(f"n{MOST_NAMES}.example")
    assert names.asked == []
    await resolve("n0.example")
    assert names.asked == ["n0.example"]


@pytest.fixture
def listener():
    """A port of this machine to which nobody must connect."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_s12_a_name_that_is_private_by_the_time_of_the_connect_is_not_connected_to(names, clock, listener):
    port = listener.getsockname()[1]
    resolver = Resolver(AddressRules(ports=(port,)), Lookups(names), now=clock)
    url = f"wss://platform.example:{port}/echo"
    await resolver.addresses(resolver.endpoint(url, WEBSOCKET))

    names.meanings["platform.example"] = ["127.0.0.1"]
    clock.seconds = 5.0

    with pytest.raises(LinkFailed, match=r"platform\.example resolves to 127\.0\.0\.1, which is refused"):
        await open_link(target(url, tls=tls_context("")), resolver)
