"""How a peer that is gone is noticed although nobody writes to it, or reads: by the kernel."""

import socket
from typing import Protocol

QUIET_SECONDS, PROBE_SECONDS, PROBES = 20, 5, 3  # a dead peer is noticed 35 s after its last word
UNACKNOWLEDGED_SECONDS = 30  # for which a peer may leave what was sent unread (TCP_USER_TIMEOUT, RFC 5482)
MS_PER_SECOND = 1000


class Options(Protocol):
    """A socket, or what an event loop gives out for one."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """Set one option."""


def notice_dead_peer(peer: Options) -> None:
    """Have the kernel end a connection whose other end is gone; sockets that a listening one accepts inherit it.

    No ping of WebSocket's is sent: the endpoints would see it, a platform might count it, and a throttled client's
    pong would stand behind its backlog. A kernel answers probes whatever its program does.
    """
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, QUIET_SECONDS)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_SECONDS)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_SECONDS * MS_PER_SECOND)
