"""A TCP proxy that does to connections what networks do, on a thread of its own, so that any test can steer it.

What is ordered holds for open connections and for later ones until ``heal``; what happens to the bytes is in ways.py.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from tests.faults.ground.ways import CHUNK_BYTES, Faults, Way, make_deaf, pass_on, unacknowledged_bytes
from tests.relay.eventually import eventually

HOST = "127.0.0.1"
KERNEL_BYTES, SEGMENT_BYTES = 64 * 1024, 1400  # with loopback's segments of 64 KiB, a window opens by halves
PATIENCE_SECONDS, SETTLE_SECONDS = 10, 1
RST_ON_CLOSE = struct.pack("ii", 1, 0)


class FaultProxy:
    """Listens on ``port`` and leads to ``server_port``. Sizes are bytes; without a way, both are meant."""

    def __init__(self, server_port: int) -> None:
        """Nothing listens before ``start``."""
        self.port, self._server_port = 0, server_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._faults = {way: Faults() for way in Way.BOTH}
        self._passable = {way: asyncio.Event() for way in Way.BOTH}
        self._may_serve = asyncio.Event()
        self._plugs: dict[asyncio.StreamWriter, Way] = {}  # open sockets, and the way that ends in each
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None

    def start(self) -> None:
        """Listen, and pass everything on."""
        self._thread.start()
        self.heal()

    def stop(self) -> None:
        """End all connections, and the thread."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def latency(self, ms: float, jitter_ms: float = 0, way: Way = Way.BOTH) -> None:
        """Deliver later, in the same order."""
        self._change(way, latency_seconds=ms / 1000, jitter_seconds=jitter_ms / 1000)

    def bandwidth(self, bytes_per_second: float, way: Way = Way.BOTH) -> None:
        """Deliver so many bytes a second on each connection."""
        self._change(way, bytes_per_second=bytes_per_second)

    def slice(self, size: int, way: Way = Way.BOTH) -> None:
        """Deliver in pieces of so many bytes."""
        self._change(way, slice_bytes=size)

    def limit_bytes(self, size: int, way: Way = Way.BOTH) -> None:
        """End each connection after so many bytes since its beginning."""
        self._change(way, limit_bytes=size)

    def corrupt(self, at: int, way: Way = Way.BOTH) -> None:
        """Turn over all bits of the byte at this offset of each connection."""
        self._change(way, corrupt_at=at)

    def blackhole(self, way: Way = Way.BOTH) -> None:
        """Pull the cable: nothing arrives, and kernels that send, or probe, are not answered."""
        self._run(self._cut(way))

    def hang_accept(self) -> None:
        """Take new connections, and do nothing with them until ``heal``."""
        self._run(self._admit(listens=True, serves=False))

    def refuse(self) -> None:
        """Take no new connections."""
        self._run(self._admit(listens=False, serves=True))

    def reset(self) -> None:
        """End all connections at once, by RST to both ends."""
        self._run(self._reset())

    def half_close(self, way: Way = Way.BOTH) -> None:
        """Tell the ends of open connections that nothing more comes."""
        self._run(self._write_eof(way))

    def lead_to(self, server_port: int) -> None:
        """End all connections, and lead later ones to another server."""
        self._server_port = server_port
        self.reset()

    def heal(self) -> None:
        """Take all faults back."""
        self._faults = {way: Faults() for way in Way.BOTH}
        self._run(self._admit(listens=True, serves=True))
        self._run(self._cut(Way(0)))

    def _change(self, way: Way, **figures: float) -> None:
        self._faults |= {each: replace(self._faults[each], **figures) for each in way}

    def _run(self, coroutine: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_SECONDS)

    async def _cut(self, ways: Way) -> None:
        for way, passable in self._passable.items():
            passable.clear() if way in ways else passable.set()
        with suppress(TimeoutError):  # what is retransmitted to an end would be a sign of life
            await eventually(lambda: not any(map(unacknowledged_bytes, self._plugs)), SETTLE_SECONDS)
        for writer, way in self._plugs.items():
            make_deaf(writer.get_extra_info("socket"), deaf=(Way.BOTH ^ way) in ways)
        for listener in self._listening.sockets if self._listening else ():
            make_deaf(listener, deaf=Way.TO_SERVER in ways)

    async def _admit(self, *, listens: bool, serves: bool) -> None:
        self._may_serve.set() if serves else self._may_serve.clear()
        if not listens and self._listening is not None:
            self._listening.close()
            self._listening = None
        elif listens and self._listening is None:
            listener = _plug()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, self.port))
            self.port = listener.getsockname()[1]
            self._listening = await asyncio.start_server(self._take, sock=listener, limit=CHUNK_BYTES)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._open(writer, Way.TO_CLIENT), suppress(OSError):
            await self._may_serve.wait()
            plug = await self._connected_plug()
            server_reader, server_writer = await asyncio.open_connection(sock=plug, limit=CHUNK_BYTES)
            with self._open(server_writer, Way.TO_SERVER):
                to_server = self._carry(Way.TO_SERVER, reader, server_writer)
                await asyncio.gather(to_server, self._carry(Way.TO_CLIENT, server_reader, writer))

    async def _connected_plug(self) -> socket.socket:
        plug = _plug()
        try:
            await self._loop.sock_connect(plug, (HOST, self._server_port))
        except BaseException:
            plug.close()
            raise
        return plug

    async def _carry(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await pass_on(reader, writer, lambda: self._faults[way], self._passable[way].wait):
            raise ConnectionAbortedError
        writer.write_eof()

    @contextmanager
    def _open(self, writer: asyncio.StreamWriter, way: Way) -> Iterator[None]:
        writer.transport.set_write_buffer_limits(high=CHUNK_BYTES)
        self._plugs[writer] = way
        try:
            yield
        finally:
            del self._plugs[writer]
            writer.close()

    async def _reset(self) -> None:
        for writer in list(self._plugs):
            with suppress(OSError):  # closed already, by an end that was killed
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            writer.transport.abort()

    async def _write_eof(self, ways: Way) -> None:
        for writer, way in self._plugs.items():
            if way in ways:
                writer.write_eof()

    async def _end(self) -> None:
        await self._admit(listens=False, serves=True)
        for writer in list(self._plugs):
            writer.transport.abort()
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _plug() -> socket.socket:
    plug = socket.socket()
    plug.settimeout(0)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
    plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
    return plug


@contextmanager
def fault_proxy(server_port: int) -> Iterator[FaultProxy]:
    """A proxy that runs as long as the block does."""
    proxy = FaultProxy(server_port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
