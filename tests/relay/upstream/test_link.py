import asyncio

import pytest
from websockets.frames import Frame, Opcode

from relay.upstream.link import LinkFailed, LinkRefused, open_link
from relay.upstream.resolver import Resolver
from relay.upstream.tls import tls_context
from tests.relay.eventually import eventually
from tests.relay.raw_platform import switching
from tests.relay.upstream.linking import Receiver, target

pytestmark = pytest.mark.asyncio
REFUSAL = "HTTP/1.1 403 Forbidden\r\n"
WELCOME = Frame(Opcode.TEXT, b"welcome").serialize(mask=False)


def saying(answer):
    """What a platform answers, whatever the key."""
    return lambda _: answer if isinstance(answer, bytes) else answer.encode("latin-1")


@pytest.fixture
def linked(raw_platform_of):
    """Opens a link to a platform of bare bytes, and gives both ends."""

    async def linked(answer=switching, **offers):
        platform = await raw_platform_of(answer)
        link = await open_link(target(platform.url, **offers), Resolver())
        return link, await platform.connection()

    return linked


@pytest.fixture
def resolver():
    """Knows the addresses of platforms, and counts what goes wrong with them."""
    return Resolver()


@pytest.fixture
def failure(raw_platform_of, resolver):
    """Why no link is opened to a platform of bare bytes, which must see its connection end."""

    async def failure(answer, expected=LinkFailed):
        platform = await raw_platform_of(answer)
        with pytest.raises(expected) as failed:
            await open_link(target(platform.url), resolver)
        await (await platform.connection()).end()
        return failed.value

    return failure


async def test_a_link_is_open_both_ways(simulator):
    token = simulator.simulation.credentials.find("genesys", "demo-genesys")
    simulator.simulation.issue_token(token, "live")

    link = await open_link(target(f"{simulator.ws_url}/v2/websocket/echo", authorization="Bearer live"), Resolver())
    receiver = Receiver(link)
    link.transport.write(Frame(Opcode.TEXT, b"hello").serialize(mask=True))

    await eventually(lambda: receiver.received == Frame(Opcode.TEXT, b"hello").serialize(mask=False))


async def test_the_platform_sees_one_handshake_with_what_the_client_offered(linked):
    link, platform = await linked(subprotocols="v2, v1", extensions="x-odd; a=1", headers=(("x-client", "webchat"),))
    request = platform.head.decode().lower()

    assert request.startswith("get /echo http/1.1\r\n")
    assert "\r\nsec-websocket-protocol: v2, v1\r\n" in request
    assert "\r\nsec-websocket-extensions: x-odd; a=1\r\n" in request
    assert "\r\nx-client: webchat\r\nauthorization: bearer canary-token\r\n" in request
    link.transport.abort()


async def test_without_offers_none_are_made(linked):
    link, platform = await linked()

    assert b"Sec-WebSocket-Protocol" not in platform.head
    assert b"Sec-WebSocket-Extensions" not in platform.head
    link.transport.abort()


async def test_what_the_platform_chose_comes_back_in_its_own_words(linked):
    chosen = "Sec-WebSocket-Protocol: v2\r\nSec-WebSocket-Extensions: x-a; b=1\r\nSec-WebSocket-Extensions: x-c\r\n"

    link, _ = await linked(lambda key: switching(key, chosen))

    assert (link.subprotocol, link.extensions) == ("v2", "x-a; b=1, x-c")
    link.transport.abort()


async def test_frames_in_the_packet_of_the_101_are_kept(linked):
    link, _ = await linked(lambda key: switching(key, early=WELCOME))

    receiver = Receiver(link)

    await eventually(lambda: receiver.received == WELCOME)


async def test_early_frames_come_before_those_that_follow(linked):
    link, platform = await linked(lambda key: switching(key, early=WELCOME))
    platform.send(b"then this")

    receiver = Receiver(link)

    await eventually(lambda: receiver.received == WELCOME + b"then this")


async def test_early_frames_are_handed_over_once(linked):
    link, _ = await linked(lambda key: switching(key, early=WELCOME))

    receiver = Receiver(link)
    link.hand_over(receiver)

    assert receiver.received == WELCOME


async def test_nothing_is_read_before_the_link_is_handed_over(linked):
    link, _ = await linked()

    assert not link.transport.is_reading()
    link.transport.abort()


@pytest.mark.parametrize("cut", [1, 12, 40, -4, -2, -1])
async def test_an_answer_may_come_in_two_pieces_cut_anywhere(raw_platform_of, cut):
    answers = []
    platform = await raw_platform_of(lambda key: answers.append(switching(key)) or answers[0][:cut])
    opening = asyncio.create_task(open_link(target(platform.url), Resolver()))

    (await platform.connection()).send(answers[0][cut:] + WELCOME)
    receiver = Receiver(await opening)

    await eventually(lambda: receiver.received == WELCOME)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 429, 500, 503])
async def test_another_status_is_a_refusal_with_its_headers_in_small_letters(failure, status):
    answer = f"HTTP/1.1 {status} No\r\nRetry-After: 7\r\nX-Node: é\r\nContent-Length: 2\r\n\r\nno"

    refused = await failure(saying(answer), LinkRefused)

    assert (refused.status, refused.headers["retry-after"], refused.headers["x-node"]) == (status, "7", "é")


REFUSALS = {
    "no body": "Content-Length: 0\r\n\r\n",
    "chunked": "Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    "broken chunk": "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "unknown coding": "Transfer-Encoding: gzip\r\n\r\n",
    "huge body": f"Content-Length: 100000\r\n\r\n{'x' * 100_000}",
    "half a body": "Content-Length: 10\r\n\r\nhalf",
    "long header": f"X-Odd: {'x' * 20_000}\r\n\r\n",
}


@pytest.mark.parametrize("rest", REFUSALS.values(), ids=REFUSALS)
async def test_b66_a_refusal_counts_whatever_its_body(failure, rest):
    assert (await failure(saying(REFUSAL + rest), LinkRefused)).status == 403


async def test_a_refusal_without_a_length_ends_with_the_connection(raw_platform_of):
    platform = await raw_platform_of(saying(REFUSAL + "\r\nno"))
    opening = asyncio.create_task(open_link(target(platform.url), Resolver()))
    (await platform.connection()).writer.close()

    with pytest.raises(LinkRefused, match="403"):
        await opening


INTERIM = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
)


@pytest.mark.parametrize("cut", [0, 1, 40, len(INTERIM) - 1, len(INTERIM), len(INTERIM) + 1])
async def test_the_answer_comes_after_interim_ones_however_it_is_cut(raw_platform_of, cut):
    answers = []
    platform = await raw_platform_of(lambda key: answers.append(INTERIM + switching(key)) or answers[0][:cut])
    opening = asyncio.create_task(open_link(target(platform.url), Resolver()))

    (await platform.connection()).send(answers[0][cut:] + WELCOME)
    receiver = Receiver(await opening)

    await eventually(lambda: receiver.received == WELCOME)


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
async def test_a_refusal_after_an_interim_answer_and_in_http_1_0_keeps_its_time(failure, version):
    answer = f"HTTP/1.1 103 Early Hints\r\n\r\n{version} 429 Too Many Requests\r\nRetry-After: 20\r\n\r\n"

    refused = await failure(saying(answer), LinkRefused)

    assert (refused.status, refused.headers["retry-after"]) == (429, "20")


ANSWERS = {
    "binary": b"\xff\xfe\x00\r\n\r\n",
    "no HTTP": "SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/1.0": "HTTP/1.0 101 Switching Protocols\r\n\r\n",
    "HTTP/0.9": "HTTP/0.9 200 OK\r\n\r\n",
    "status 999": "HTTP/1.1 999 Odd\r\n\r\n",
    "no status": "HTTP/1.1\r\n\r\n",
    "interim for ever": "HTTP/1.1 103 Early Hints\r\n\r\n" * 9,
    "broken header": f"{REFUSAL}no colon\r\n\r\n",
    "bare 101": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "200 headers": REFUSAL + "X-Odd: 1\r\n" * 200 + "\r\n",
    "endless head": REFUSAL + "X-Odd: " + "x" * 100_000,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_f38_an_answer_that_makes_no_sense_is_a_failure(failure, answer):
    assert "answer" in str(await failure(saying(answer)))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: A"),
        ("Sec-WebSocket-Accept", "X-Accept"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: Upgrade", "Connection: close"),
    ],
)
async def test_f38_a_101_that_does_not_answer_our_key_is_a_failure(failure, right, wrong):
    failed = await failure(lambda key: switching(key).replace(right.encode(), wrong.encode()))

    assert "no WebSocket handshake" in str(failed)


@pytest.mark.parametrize("said", ["", "HTTP/1.1 101 Sw", f"{REFUSAL}Content-Length: 10\r\n"], ids=len)
async def test_a_platform_that_closes_in_the_middle_is_a_failure(raw_platform_of, said):
    platform = await raw_platform_of(saying(said))
    opening = asyncio.create_task(open_link(target(platform.url), Resolver()))
    (await platform.connection()).writer.close()

    with pytest.raises(LinkFailed):
        await opening


async def test_a_platform_that_resets_the_connection_is_a_failure(raw_platform_of):
    platform = await raw_platform_of(saying(""))
    opening = asyncio.create_task(open_link(target(platform.url), Resolver()))
    (await platform.connection()).writer.transport.abort()

    with pytest.raises(LinkFailed, match="closed during the handshake"):
        await opening


async def test_f30_a_platform_that_never_answers_is_not_waited_for(failure, resolver, monkeypatch):
    monkeypatch.setattr("relay.upstream.link.HANDSHAKE_SECONDS", 0.1)  # 10 s

    failed = await failure(saying("HTTP/1.1 101 Sw"))

    assert str(failed) == "the platform did not answer the handshake within 0.1 s"
    assert resolver.faults.timeouts == {"handshake": 1}


async def test_f30_a_platform_that_never_finishes_tls_is_not_waited_for(raw_platform_of, resolver, monkeypatch):
    monkeypatch.setattr("relay.upstream.link.CONNECT_SECONDS", 0.1)  # 5 s
    platform = await raw_platform_of()

    with pytest.raises(LinkFailed, match=f"no connection to 127.0.0.1:{platform.port} within 0.1 s"):
        await open_link(target(platform.url.replace("ws://", "wss://"), tls=tls_context("")), resolver)

    assert resolver.faults.timeouts == {"connect": 1}


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/echo", "wss://nowhere.invalid/echo", "ws://[::1]:1/echo"])
async def test_f29_an_address_at_which_nobody_is_is_a_failure(url):
    with pytest.raises(LinkFailed, match="no connection to"):
        await open_link(target(url), Resolver())


async def test_a_client_that_leaves_meanwhile_leaves_no_connection_behind(raw_platform_of):
    platform = await raw_platform_of(saying(""))
    opening = asyncio.create_task(open_link(target(platform.url), Resolver()))
    arrived = await platform.connection()

    opening.cancel()

    assert await arrived.end() == b""
    with pytest.raises(asyncio.CancelledError):
        await opening


async def test_s9_what_is_offered_in_secret_is_never_shown(failure):
    offered = target("ws://127.0.0.1:1/canary", query="canary", headers=(("x", "canary"),))

    failed = await failure(saying("garbage\r\n\r\n"))

    assert "canary" not in f"{offered!r} {failed!r}"


@pytest.mark.parametrize(
    "url",
    ["ws://h:99999/echo", "ws://a..b/echo", f"ws://{'a' * 64}/echo", "ws://[bad/echo", "ws:///echo", "ws://u@h/echo"],
    ids=["port", "empty label", "long label", "bracket", "no host", "no password"],
)
async def test_an_address_that_is_none_is_a_failure(url):
    with pytest.raises(LinkFailed):
        await open_link(target(url), Resolver())


async def test_many_frames_in_the_packets_of_the_101_are_kept(linked):
    frames = Frame(Opcode.BINARY, bytes(1000)).serialize(mask=False) * 200

    link, _ = await linked(lambda key: switching(key, early=frames))
    receiver = Receiver(link)

    await eventually(lambda: receiver.received == frames)
