"""What the kernel is told of a connection, and asked: when a peer counts as gone, how little to take for a slow one."""

import asyncio
import select
import socket
from enum import Enum

from django.conf import settings

QUIET_SECONDS, PROBE_SECONDS, PROBES = 20, 5, 3
# For data as for probes (TCP_USER_TIMEOUT, RFC 5482): then a peer is taken for dead.
LEAST_UNACKNOWLEDGED_SECONDS = 30  # a network may be away for that long
# Both beyond the limit on slow readers, so that they are told as such: decision 10.
PLATFORM_GRACE_SECONDS, CLIENT_GRACE_SECONDS = 3, 15
MS_PER_SECOND = 1000
UNSENT_BYTES = 64 * 1024  # that the kernel takes for a peer beyond what is on its way
TCP_NOTSENT_LOWAT = 25  # Linux; Python 3.11's socket module does not know it


def notice_dead_peer(peer: socket.socket, grace_seconds: int) -> None:
    """Have the kernel end a connection whose other end is gone; sockets that a listening one accepts inherit it.

    No ping of WebSocket's is sent: the endpoints would see it, a platform might count it, and a throttled client's
    pong would stand behind its backlog. A kernel answers probes whatever its program does.
    """
    unacknowledged_seconds = max(LEAST_UNACKNOWLEDGED_SECONDS, settings.SLOW_READER_SECONDS + grace_seconds)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, QUIET_SECONDS)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_SECONDS)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unacknowledged_seconds * MS_PER_SECOND)


def keep_little_unsent(peer: socket.socket) -> None:
    """Have the kernel take little for a peer that is slow; sockets that a listening one accepts inherit it.

    What it holds for a platform is lost if the platform breaks, and what it holds for a client hides that the client
    does not read: the limit on slow readers began only after 4 MB.
    """
    peer.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)


class Presence(Enum):
    """Whether a peer is still there, as far as its packets tell."""

    HERE = "here"
    SENDS_NO_MORE = "sends no more"  # its FIN has come; it may wait for answers, or be gone
    GONE = "gone"  # it was reset, or timed out


def presence_of(transport: asyncio.Transport) -> Presence:
    """Ask the kernel for a peer that is not read from, of which the event loop hears nothing.

    One poll tells as much as TCP_INFO's state and SO_ERROR, for a fifth of the time, and leaves the error in place.
    """
    peer = transport.get_extra_info("socket")
    if peer is None or peer.fileno() < 0:
        return Presence.GONE
    poll = select.poll()
    poll.register(peer.fileno(), select.POLLRDHUP)
    for _, events in poll.poll(0):
        return Presence.GONE if events & (select.POLLHUP | select.POLLERR) else Presence.SENDS_NO_MORE
    return Presence.HERE
