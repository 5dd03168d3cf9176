"""Ending a TCP connection with RST, as a crashed platform does."""

import asyncio
import socket
import struct
from typing import cast

_LINGER_FOR_NO_TIME = struct.pack("ii", 1, 0)


def socket_of(transport: asyncio.Transport) -> socket.socket:
    """The socket under a transport, to be asked and to be set, never to be read."""
    return cast(socket.socket, transport.get_extra_info("socket"))


def reset(transport: asyncio.Transport) -> None:
    """Send RST now; what was not sent yet is lost."""
    socket_of(transport).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_FOR_NO_TIME)
    transport.abort()
