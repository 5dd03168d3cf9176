"""Where log lines go: to stdout, or to a syslog server, which may be away. All of this blocks: a thread calls it."""

import errno
import json
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TextIO
from urllib.parse import urlsplit

DEFAULT_PORTS = {"udp": 514, "tcp": 601}  # RFC 5426, section 3.3; RFC 6587, section 3.2
LARGEST_DATAGRAM_BYTES = 8_192  # what rsyslog and syslog-ng take unless told otherwise; RFC 5426 asks for 2048
LARGEST_FRAME_BYTES = 65_536
LONGEST_PATH_BYTES = 107  # of a unix socket's address on Linux
CONNECT_SECONDS = 5.0
SEND_SECONDS = 30.0  # for one line; then the server counts as gone
RECONNECT_SECONDS = 0.5  # between two tries
TELL_AGAIN_SECONDS = 60.0  # over UDP every other line seems to arrive at a server that is away


class Sink(Protocol):
    """What takes lines, one after the other, from one thread of one process."""

    def write(self, line: str) -> None:
        """Take one line, without its end, however long that lasts.

        Raises:
            OSError: the line is lost.
            ValueError: the same.
        """

    def flush(self) -> None:
        """Nothing follows for a while."""


@dataclass(frozen=True, slots=True)
class SyslogAddress:
    """Where a syslog server listens: ``transport`` is udp, tcp or unix, and ``path`` the last one's."""

    transport: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        """As it is set."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix://{self.path}" if self.path else f"{self.transport}://{host}:{self.port}"

    @property
    def largest_bytes(self) -> int:
        """Of one message."""
        return LARGEST_FRAME_BYTES if self.transport == "tcp" else LARGEST_DATAGRAM_BYTES


def parse_sink(value: str) -> SyslogAddress | None:
    """Understand ``stdout``, which is none, or the address of a syslog server."""
    if value == "stdout":
        return None
    try:
        return _syslog_address(value)
    except ValueError as refusal:
        sentence = "it must be stdout, udp://host:514, tcp://host:601 or unix:///path, with a port from 1 to 65535."
        raise ValueError(sentence) from refusal


def _syslog_address(value: str) -> SyslogAddress:
    parts = urlsplit(value)
    if parts.scheme == "unix" and 1 < len(parts.path.encode()) <= LONGEST_PATH_BYTES:
        address = SyslogAddress("unix", path=parts.path)
    elif parts.scheme in DEFAULT_PORTS and parts.hostname and parts.port != 0:
        parts.hostname.encode("idna")  # refuses what no resolver takes
        address = SyslogAddress(parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme])
    else:
        raise ValueError
    if str(address).lower() not in (value.lower(), f"{value.lower()}:{address.port}"):
        raise ValueError  # a path, a query, a name and a password: nobody would use them
    return address


class StandardOutput:
    """A line is a line."""

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream``."""
        self._stream = stream

    def write(self, line: str) -> None:
        """Write one line."""
        self._stream.write(line + "\n")

    def flush(self) -> None:
        """Let nothing wait in a buffer."""
        self._stream.flush()


class Syslog:
    """A line is a message: a datagram (RFC 5426), or a frame that begins with its length (RFC 6587, section 3.4.1)."""

    def __init__(self, address: SyslogAddress) -> None:
        """Connect with the first line."""
        self._address = address
        self._peer: socket.socket | None = None
        self._tell_again_at = 0.0
        self._tries = 0

    def write(self, line: str) -> None:
        """Send one line; while the server is away, try again until it is back."""
        message = line.encode()
        if self._address.transport == "tcp":
            message = b"%d %b" % (len(message), message)
        while True:
            try:
                self._send(message)
            except OSError as error:
                self.disconnect()
                if error.errno == errno.EMSGSIZE:
                    raise
                self._tell(error)
                time.sleep(RECONNECT_SECONDS)
            else:
                return

    def flush(self) -> None:
        """Nothing waits here."""

    def disconnect(self) -> None:
        """End the connection, if there is one; the next line opens another."""
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    def _send(self, message: bytes) -> None:
        if self._peer is not None and _has_closed(self._peer):
            self.disconnect()  # a send would be taken all the same, and lost
        if self._peer is None:
            self._tries += 1
            self._peer = _connected(self._address, self._tries - 1)
        self._peer.sendall(message)

    def _tell(self, error: OSError) -> None:
        """On stderr, as it was when the process began: without it a mistyped address would say nothing at all."""
        if time.monotonic() < self._tell_again_at or sys.__stderr__ is None:
            return
        self._tell_again_at = time.monotonic() + TELL_AGAIN_SECONDS
        told = {"event": "log_sink_away", "sink": str(self._address), "error": str(error), "level": "warning"}
        with suppress(OSError, ValueError):
            sys.__stderr__.write(json.dumps(told) + "\n")
            sys.__stderr__.flush()


def _connected(address: SyslogAddress, tries: int) -> socket.socket:
    """A connection; for datagrams to the next of the host's addresses, since nothing says at once who is there."""
    if address.transport == "tcp":
        peer = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
    elif address.transport == "unix":
        peer = _datagrams(socket.AF_UNIX, address.path)
    else:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
        family, *_, where = found[tries % len(found)]
        peer = _datagrams(family, where)
    peer.settimeout(SEND_SECONDS)
    return peer


def _datagrams(family: int, address: str | tuple[object, ...]) -> socket.socket:
    peer = socket.socket(family, socket.SOCK_DGRAM)
    try:
        peer.connect(address)
    except OSError:
        peer.close()
        raise
    return peer


def _has_closed(peer: socket.socket) -> bool:
    """Tell whether the server has ended the connection: it never says anything else.

    Raises:
        OSError: it has, or something on the way says that it is not there.
    """
    peer.settimeout(0)
    try:
        return not peer.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    finally:
        peer.settimeout(SEND_SECONDS)
