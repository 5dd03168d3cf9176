import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from relay.gateway.server import listening_socket
from relay.upstream import liveness
from relay.upstream.link import open_link
from relay.upstream.liveness import Presence, presence_of
from relay.upstream.resolver import Resolver
from tests.relay.eventually import eventually
from tests.relay.upstream.linking import target
from tests.relay.vanishing import RST_ON_CLOSE

TCP = socket.IPPROTO_TCP


def test_f36_f42_accepted_sockets_notice_a_dead_peer_as_the_listening_one_was_told():
    with listening_socket("127.0.0.1", 0, 65_536) as listener, socket.create_connection(listener.getsockname()):
        listener.settimeout(5)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            probing = [accepted.getsockopt(TCP, name) for name in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)]
            assert probing == [20, 5]
            assert accepted.getsockopt(TCP, socket.TCP_USER_TIMEOUT) == 45_000
            assert accepted.getsockopt(TCP, liveness.TCP_NOTSENT_LOWAT) == 65_536


@pytest.mark.parametrize(("limit_seconds", "expected_ms"), [(90, 105_000), (5, 30_000)])
def test_f43_a_slow_reader_is_told_before_the_kernel_takes_it_for_dead(limit_seconds, expected_ms, settings):
    settings.SLOW_READER_SECONDS = limit_seconds

    with listening_socket("127.0.0.1", 0, 65_536) as listener:
        assert listener.getsockopt(TCP, socket.TCP_USER_TIMEOUT) == expected_ms


@pytest.mark.asyncio
async def test_a_peer_that_is_not_read_from_is_here_ends_or_is_gone():
    async with accepted_pairs() as pair:
        (plug, here), (ending, half), (resetting, reset) = [await pair() for _ in range(3)]
        for transport in (here, half, reset):
            transport.pause_reading()
        ending.sendall(b"unread")
        ending.shutdown(socket.SHUT_WR)
        resetting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        resetting.close()

        await eventually(lambda: presence_of(reset) is Presence.GONE)
        await eventually(lambda: presence_of(half) is Presence.SENDS_NO_MORE)
        assert presence_of(here) is Presence.HERE
        here.abort()
        await eventually(lambda: presence_of(here) is Presence.GONE)
        assert plug.recv(1) == b""


@asynccontextmanager
async def accepted_pairs():
    """Makes connections: the client's socket, and the transport of who accepted it."""
    accepted, opened = asyncio.Queue(), []

    async def accept(_reader, writer):
        accepted.put_nowait(writer)

    async def pair():
        plug = socket.create_connection(server.sockets[0].getsockname())
        writer = await accepted.get()
        opened.extend([plug, writer.transport])
        return plug, writer.transport

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield pair
    server.close()
    for one in opened:
        one.close()


@pytest.mark.asyncio
async def test_f36_links_notice_a_dead_platform(raw_platform_of):
    platform = await raw_platform_of()

    link = await open_link(target(platform.url), Resolver())

    plug = link.transport.get_extra_info("socket")
    assert plug.getsockopt(TCP, socket.TCP_USER_TIMEOUT) == 33_000
    assert plug.getsockopt(TCP, liveness.TCP_NOTSENT_LOWAT) == 65_536
    link.transport.abort()
