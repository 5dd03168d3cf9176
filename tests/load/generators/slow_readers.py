"""Clients that read slowly or not at all, with plain sockets: what is not read stays in the kernel's buffers."""

import select
import socket
import time
from contextlib import suppress

from tests.load.generators.handshakes import request
from tests.load.generators.orders import SlowlyRead, SlowReaders

RECEIVE_BUFFER_BYTES = 16 * 1024  # else the client's own kernel takes a minute's worth for it
POLL_MS = 100
ENDED = select.POLLERR | select.POLLHUP | select.POLLRDHUP  # seen without reading
CONNECT_TIMEOUT_SECONDS = 10


class _Reader:
    """One connection, and how much it has read."""

    def __init__(self, order: SlowReaders, number: int) -> None:
        self.bytes_per_second = order.bytes_per_second if number < order.slow else 0
        self._read_bytes = 0
        self._plug = socket.socket()
        self._plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._plug.settimeout(CONNECT_TIMEOUT_SECONDS)
        self._plug.connect(("127.0.0.1", order.door.port))
        self._plug.sendall(request(order.door, number))
        answer = self._plug.recv(512)
        if not answer.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(answer.decode("latin-1"))
        self._plug.settimeout(0)
        self.opened_at = time.monotonic()

    def fileno(self) -> int:
        return self._plug.fileno()

    def read_what_is_due(self) -> None:
        due_bytes = int((time.monotonic() - self.opened_at) * self.bytes_per_second) - self._read_bytes
        if due_bytes > 0:
            with suppress(OSError):  # nothing is there, or the end, which poll sees too
                self._read_bytes += len(self._plug.recv(due_bytes))

    def close(self) -> float:
        """Close it: for how many seconds it was open."""
        self._plug.close()
        return time.monotonic() - self.opened_at


def slow_readers(order: SlowReaders) -> SlowlyRead:
    """Read slowly as ordered, until all connections have been ended."""
    outcome, poll, over_at = SlowlyRead(), select.poll(), time.monotonic() + order.most_seconds
    readers = {}
    for number in range(order.slow + order.never):
        reader = _Reader(order, number)
        readers[reader.fileno()] = reader
        poll.register(reader, select.POLLRDHUP)
    while readers and time.monotonic() < over_at:
        for descriptor, event in poll.poll(POLL_MS):
            if event & ENDED:
                reader = readers.pop(descriptor)
                poll.unregister(descriptor)
                ended_after = outcome.slow_ended_after if reader.bytes_per_second else outcome.never_ended_after
                ended_after.append(reader.close())
        for reader in readers.values():
            reader.read_what_is_due()
    outcome.left = len(readers)
    for reader in readers.values():
        reader.close()
    return outcome
