"""One way of one connection through the fault proxy: what may befall its bytes, and the few chunks under way."""

import asyncio
import ctypes
import fcntl
import math
import random
import socket
import struct
import sys
import termios
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Flag, auto

from tests.relay.eventually import turns

CHUNK_BYTES, QUEUED_CHUNKS = 4096, 16
WRITES_PER_SECOND = 20  # at a bandwidth
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # Linux; the socket module does not know them
_DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes of each packet
_PROGRAM = struct.pack("HP", 1, ctypes.addressof(_DROP_ALL))


class Way(Flag):
    """Towards whom bytes go."""

    TO_SERVER, TO_CLIENT = auto(), auto()
    BOTH = TO_SERVER | TO_CLIENT


@dataclass(frozen=True, slots=True)
class Faults:
    """What befalls the bytes of one way; offsets count from the connection's beginning."""

    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    bytes_per_second: float = math.inf
    slice_bytes: float = math.inf
    limit_bytes: float = math.inf
    corrupt_at: float = -1

    def due_at(self, now: float) -> float:
        """When what came now shall go on."""
        return now + self.latency_seconds + self.jitter_seconds * random.random()

    def most_bytes(self, at: int) -> int:
        """How many bytes the next write may have, at offset ``at``."""
        paced = max(1.0, self.bytes_per_second / WRITES_PER_SECOND)
        return int(max(0, min(self.slice_bytes, self.limit_bytes - at, paced, CHUNK_BYTES)))

    def damaged(self, piece: bytes, at: int) -> bytes:
        """The piece at offset ``at``, as it goes on."""
        place = int(self.corrupt_at) - at
        if 0 <= place < len(piece):
            return piece[:place] + bytes([piece[place] ^ 0xFF]) + piece[place + 1 :]
        return piece


def make_deaf(plug: socket.socket, *, deaf: bool) -> None:
    """Have the kernel drop all that comes for a socket, acknowledgements and probes too, or hear again."""
    if deaf:
        plug.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, _PROGRAM)
    else:
        try:
            plug.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
        except FileNotFoundError:
            return  # it was not deaf


def unacknowledged_bytes(writer: asyncio.StreamWriter) -> int:
    """What a socket's kernel has taken and not seen acknowledged (SIOCOUTQ)."""
    waiting = fcntl.ioctl(writer.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(waiting, sys.byteorder)


async def pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    faults: Callable[[], Faults],
    passable: Callable[[], Awaitable[object]],
) -> bool:
    """Carry bytes until their end, by the ``faults`` of each moment, as long as the way is ``passable``.

    Returns:
        Whether that was the sender's end; else the limit of bytes was reached.
    """
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED_CHUNKS)
    taking = asyncio.create_task(_take(reader, queue, faults))
    try:
        return await _deliver(queue, writer, faults, passable)
    finally:
        taking.cancel()


async def _take(
    reader: asyncio.StreamReader, queue: "asyncio.Queue[tuple[float, bytes]]", faults: Callable[[], Faults]
) -> None:
    chunk = b"begin"
    while chunk:
        try:
            chunk = await reader.read(CHUNK_BYTES)
        except ConnectionError:
            chunk = b""
        await queue.put((faults().due_at(time.monotonic()), chunk))


async def _deliver(
    queue: "asyncio.Queue[tuple[float, bytes]]",
    writer: asyncio.StreamWriter,
    faults: Callable[[], Faults],
    passable: Callable[[], Awaitable[object]],
) -> bool:
    at = 0
    while True:
        due_at, chunk = await queue.get()
        await turns(max(0.0, due_at - time.monotonic()))
        await passable()
        if not chunk:
            return True
        while chunk:
            size = faults().most_bytes(at)
            if not size:
                return False
            piece, chunk = faults().damaged(chunk[:size], at), chunk[size:]
            writer.write(piece)
            at += len(piece)
            await writer.drain()
            await turns(len(piece) / faults().bytes_per_second)
            await passable()
