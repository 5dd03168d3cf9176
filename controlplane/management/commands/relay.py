"""Starts one relay process."""

import sys
from typing import NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from relay.gateway.routing import application
from relay.gateway.server import listening_socket, serve

USAGE_FAULT = 2


class Command(BaseCommand):
    """manage.py relay."""

    help = "Run one relay process: integrations connect to it, and it connects to their platforms. Ends on SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8001, help="port to listen on (default 8001; 0: any free one)")

    def handle(self, *, host: str, port: int, **_options: object) -> None:
        """Listen, say so, serve until a signal comes."""
        if not settings.VERIFICATION_KEY:
            self._refuse("FLOODGATE_VERIFICATION_KEY is not set: without it no token can be verified.")
        try:
            listener = listening_socket(host, port, settings.RECEIVE_BUFFER_BYTES)
        except OSError as error:
            self._refuse(f"Can't listen on {host}:{port}: {error.strerror}. Choose another with --host and --port.")
        self.stdout.write(f"The relay listens on ws://{host}:{listener.getsockname()[1]}")
        self.stdout.flush()
        serve(application, listener)

    def _refuse(self, sentence: str) -> NoReturn:
        self.stderr.write(sentence)
        sys.exit(USAGE_FAULT)
