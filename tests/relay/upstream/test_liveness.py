import socket

import pytest

from relay.gateway.server import listening_socket
from relay.upstream import liveness
from relay.upstream.link import open_link
from relay.upstream.resolver import Resolver
from tests.relay.upstream.linking import target

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
async def test_f36_links_notice_a_dead_platform(raw_platform_of):
    platform = await raw_platform_of()

    link = await open_link(target(platform.url), Resolver())

    plug = link.transport.get_extra_info("socket")
    assert plug.getsockopt(TCP, socket.TCP_USER_TIMEOUT) == 33_000
    assert plug.getsockopt(TCP, liveness.TCP_NOTSENT_LOWAT) == 65_536
    link.transport.abort()
