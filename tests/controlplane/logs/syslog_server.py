"""Syslog servers of bare sockets, and what programs log to them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane.logs.sinks import SyslogAddress

HOST = "127.0.0.1"
PATIENCE_SECONDS = 10.0
TRANSPORTS = ("udp", "tcp", "unix")


class SyslogServer:
    """Listens at an address, and can go and come back there."""

    def __init__(self, transport: str, folder: Path) -> None:
        """Choose the address; nobody listens yet."""
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        is_unix = transport == "unix"
        self.address = SyslogAddress("unix", path=f"{folder}/log") if is_unix else SyslogAddress(transport, HOST, port)
        self._listener: socket.socket | None = None
        self._connection: socket.socket | None = None

    def start(self) -> None:
        """Listen."""
        if self.address.transport == "tcp":
            self._listener = socket.create_server((HOST, self.address.port))
        else:
            family = socket.AF_UNIX if self.address.path else socket.AF_INET
            self._listener = socket.socket(family, socket.SOCK_DGRAM)
            self._listener.bind(self.address.path or (HOST, self.address.port))
        self._listener.settimeout(PATIENCE_SECONDS)

    def stop(self) -> None:
        """Be gone."""
        for opened in (self._connection, self._listener):
            if opened is not None:
                opened.close()
        self._connection = self._listener = None
        if self.address.path:
            Path(self.address.path).unlink(missing_ok=True)

    @contextmanager
    def running(self) -> Iterator["SyslogServer"]:
        """Listen as long as the block runs."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def message(self) -> str:
        """The next message."""
        assert self._listener is not None
        if self.address.transport != "tcp":
            return self._listener.recv(65_536).decode("ascii")
        if self._connection is None:
            self._connection, _ = self._listener.accept()
            self._connection.settimeout(PATIENCE_SECONDS)
        length = b""
        while not length.endswith(b" "):
            length += self._exactly(1)
        return self._exactly(int(length)).decode("ascii")

    def _exactly(self, wanted: int) -> bytes:
        assert self._connection is not None
        received = b""
        while len(received) < wanted:
            part = self._connection.recv(wanted - len(received))
            assert part, "the connection has ended"
            received += part
        return received
