"""Starts the relay: one process, or several on one socket."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from relay.gateway.routing import application
from relay.gateway.server import listening_socket, serve, tls_context
from relay.process.supervisor import Supervisor

USAGE_FAULT = 2
END_SECONDS = 15  # beyond the drain: the last closes, the flush of what was counted


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
        parser.add_argument("--inherited", nargs=2, type=int, help="for the supervisor: its socket and a lifeline")

    def handle(
        self, *, host: str, port: int, processes: int, inherited: Sequence[int] | None, **_options: object
    ) -> None:
        """Listen, say so, serve until a signal comes."""
        if not settings.VERIFICATION_KEY:
            self._refuse("FLOODGATE_VERIFICATION_KEY is not set: without it no token can be verified.")
        if processes < 1:
            self._refuse(f"--processes is {processes}, but must be 1 or more: one a core is right.")
        if inherited:
            serve(application, socket.socket(fileno=inherited[0]), socket.socket(fileno=inherited[1]))
            return
        try:
            tls_context()
        except OSError as error:
            self._refuse(f"FLOODGATE_TLS_CERTIFICATE_FILE and FLOODGATE_TLS_KEY_FILE can't be used: {error}.")
        try:
            listener = listening_socket(host, port, settings.RECEIVE_BUFFER_BYTES)
        except OSError as error:
            self._refuse(f"Can't listen on {host}:{port}: {error.strerror}. Choose another with --host and --port.")
        scheme = "wss" if settings.TLS_CERTIFICATE_FILE else "ws"
        self.stdout.write(f"The relay listens on {scheme}://{host}:{listener.getsockname()[1]}")
        self.stdout.flush()
        if processes == 1:
            serve(application, listener)
        else:
            supervisor = Supervisor(_child, listener, processes, settings.DRAIN_SECONDS + END_SECONDS)
            asyncio.run(supervisor.run())

    def _refuse(self, sentence: str) -> NoReturn:
        self.stderr.write(sentence)
        sys.exit(USAGE_FAULT)


def _child(listener: int, lifeline: int) -> Sequence[str]:
    return (sys.executable, sys.argv[0], "relay", "--inherited", str(listener), str(lifeline))
