"""A process that floods: as fast as the relay lets it, bounded in time and bytes, and reads all that comes back.

Run as `python -m tests.faults.ground.flooder '{"port": 8001, ...}'` with a ``Flood``'s fields; prints an ``Outcome``.
"""

import os
import random
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import msgspec
from websockets.frames import Frame, Opcode

from tests.relay.opening import upgrade_request

MOST_BYTES = 4 * 1024**3
CHUNK_FRAMES = 1000
NICE = 10
RSV1 = 0x40


class Flood(msgspec.Struct, frozen=True):
    """What to send: frames of one ``kind``, on so many connections, for so long."""

    port: int
    authorization: str
    kind: str
    connections: int = 1
    seconds: float = 8.0


class Outcome(msgspec.Struct):
    """What became of it: bytes that the kernel took, and connections that were open at the end."""

    sent_bytes: int = 0
    open_at_end: int = 0


def _masked(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=True)


def _deflated() -> bytes:
    """A message of 1 MiB of zeros, in about a kilobyte of permessage-deflate (RFC 7692)."""
    compressor = zlib.compressobj(wbits=-15)
    payload = compressor.compress(bytes(1024 * 1024)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    frame = bytearray(_masked(Opcode.BINARY, payload[:-4]))
    frame[0] |= RSV1
    return bytes(frame)


FRAMES: Mapping[str, Callable[[], tuple[bytes, bytes]]] = {  # what is sent once, and what is sent again and again
    "one_byte": lambda: (b"", _masked(Opcode.TEXT, b"x") * CHUNK_FRAMES),
    "empty": lambda: (b"", _masked(Opcode.TEXT, b"") * CHUNK_FRAMES),
    "ping": lambda: (b"", _masked(Opcode.PING, random.randbytes(125)) * CHUNK_FRAMES),
    "pong": lambda: (b"", _masked(Opcode.PONG, b"") * CHUNK_FRAMES),
    "empty_fragment": lambda: (
        _masked(Opcode.TEXT, b"", fin=False),
        _masked(Opcode.CONT, b"", fin=False) * CHUNK_FRAMES,
    ),
    "deflate": lambda: (b"", _deflated() * 50),
    "large": lambda: (b"", _masked(Opcode.BINARY, random.randbytes(65_000)) * 4),
}


def flood(order: Flood) -> Outcome:
    """Flood as ordered."""
    outcome, over_at = Outcome(), time.monotonic() + order.seconds
    threads = [threading.Thread(target=_one, args=(order, over_at, outcome)) for _ in range(order.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


def _one(order: Flood, over_at: float, outcome: Outcome) -> None:
    extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if order.kind == "deflate" else ""
    headers = f"Authorization: {order.authorization}\r\n{extension}"
    with socket.create_connection(("127.0.0.1", order.port), timeout=10) as plug:
        plug.sendall(upgrade_request("/v2/websocket/echo", headers))
        answer = plug.recv(4096)
        if not answer.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(answer.decode("latin-1"))
        reader = threading.Thread(target=_read_all, args=(plug,), daemon=True)
        reader.start()
        plug.settimeout(1)
        for chunk in _chunks(order.kind):
            if time.monotonic() > over_at or outcome.sent_bytes > MOST_BYTES or not reader.is_alive():
                break
            outcome.sent_bytes += _send(plug, chunk, over_at)
        outcome.open_at_end += reader.is_alive()
        with suppress(OSError):  # the relay was first
            plug.shutdown(socket.SHUT_RDWR)


def _chunks(kind: str) -> Iterator[bytes]:
    once, again = FRAMES[kind]()
    yield once
    while True:
        yield again


def _send(plug: socket.socket, chunk: bytes, over_at: float) -> int:
    """Send the whole chunk, or what can be sent until the end."""
    view, sent = memoryview(chunk), 0
    while sent < len(chunk) and time.monotonic() < over_at:
        try:
            sent += plug.send(view[sent:])
        except TimeoutError:
            continue
        except OSError:
            break  # closed by the relay: the reader sees it too
    return sent


def _read_all(plug: socket.socket) -> None:
    while True:
        try:
            if not plug.recv(1024 * 1024):
                return
        except TimeoutError:
            continue
        except OSError:
            return


if __name__ == "__main__":
    os.nice(NICE)
    sys.stdout.write(msgspec.json.encode(flood(msgspec.json.decode(sys.argv[1], type=Flood))).decode())
