"""Starts the relay: one process, or several on one socket."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from relay.gateway.routing import application, operations
from relay.gateway.server import END_SECONDS, Operations, listening_socket, serve, tls_context
from relay.platforms.addresses import LARGEST_PORT, bracketed, netloc
from relay.process.supervisor import Supervisor

USAGE_FAULT = 2


class Command(BaseCommand):
    """manage.py relay."""

    help = (
        "Run the relay: integrations connect to it, and it connects to their platforms. SIGTERM ends it, spreading "
        "the closes over FLOODGATE_DRAIN_SECONDS; a second SIGTERM closes at once. With several processes, SIGHUP "
        "replaces them one by one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen, and with how many processes."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8001, help="port to listen on (default 8001; 0: any free one)")
        parser.add_argument("--processes", type=int, default=1, help="relay processes, one a core (default 1)")
        parser.add_argument("--inherited", nargs="+", type=int, help="for the supervisor: its sockets and a lifeline")

    def handle(
        self, *, host: str, port: int, processes: int, inherited: Sequence[int] | None, **_options: object
    ) -> None:
        """Listen, say so, serve until a signal comes."""
        if not settings.VERIFICATION_KEYS:
            self._refuse("FLOODGATE_VERIFICATION_KEYS is not set: without one no token can be verified.")
        if processes < 1:
            self._refuse(f"--processes is {processes}, but must be 1 or more: one a core is right.")
        if inherited:
            _serve_inherited(*inherited)
            return
        try:
            tls_context()
        except OSError as error:
            self._refuse(f"FLOODGATE_TLS_CERTIFICATE_FILE and FLOODGATE_TLS_KEY_FILE can't be used: {error}.")
        listener = self._listen(host, port, "--host and --port")
        for_operations = self._listen_for_operations(processes)
        scheme = "wss" if settings.TLS_CERTIFICATE_FILE else "ws"
        self.stdout.write(f"The relay listens on {scheme}://{netloc(host, listener.getsockname()[1])}")
        if for_operations:
            own, last = for_operations[0].getsockname()[:2], for_operations[-1].getsockname()[1]
            ports = own[1] if processes == 1 else f"{own[1]} to {last}"
            self.stdout.write(f"Health and metrics: http://{bracketed(own[0])}, port {ports}")
        self.stdout.flush()
        if processes == 1:
            serve(application, listener, Operations(operations, for_operations[0]) if for_operations else None)
        else:
            end_seconds = settings.DRAIN_SECONDS + END_SECONDS
            asyncio.run(Supervisor(_child, listener, processes, end_seconds, for_operations).run())

    def _listen_for_operations(self, processes: int) -> Sequence[socket.socket]:
        """A socket for each process, on one port after the other; none where the settings name no port."""
        first, last = settings.OPERATIONS_PORT, settings.OPERATIONS_PORT + processes - 1
        if not first:
            return ()
        if last > LARGEST_PORT:
            self._refuse(f"FLOODGATE_OPERATIONS_PORT is {first}, but {processes} processes would need ports to {last}.")
        choice = "FLOODGATE_OPERATIONS_HOST and FLOODGATE_OPERATIONS_PORT"
        return [self._listen(settings.OPERATIONS_HOST, port, choice) for port in range(first, last + 1)]

    def _listen(self, host: str, port: int, choice: str) -> socket.socket:
        try:
            return listening_socket(host, port, settings.RECEIVE_BUFFER_BYTES)
        except OSError as error:
            self._refuse(f"Can't listen on {netloc(host, port)}: {error.strerror}. Choose another with {choice}.")

    def _refuse(self, sentence: str) -> NoReturn:
        self.stderr.write(sentence)
        sys.exit(USAGE_FAULT)


def _child(inherited: Sequence[int]) -> Sequence[str]:
    return (sys.executable, sys.argv[0], "relay", "--inherited", *map(str, inherited))


def _serve_inherited(listener: int, lifeline: int, for_operations: int | None = None) -> None:
    """Be a child; a supervisor that runs older code hands no socket for operations over."""
    own = None if for_operations is None else Operations(operations, socket.socket(fileno=for_operations))
    serve(application, socket.socket(fileno=listener), own, socket.socket(fileno=lifeline))
