"""Starts web: the admin and the token endpoint."""

import logging
import os
import sys
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import import_string
from twisted.internet.error import CannotListenError

from controlplane.web.server import serve
from relay.platforms.addresses import netloc

USAGE_FAULT = 2


class Command(BaseCommand):
    """manage.py web."""

    help = (
        "Run web: the admin, and the endpoint where integrations get their tokens. Heads and bodies have deadlines and "
        "bounds; TLS is for a proxy in front. SIGTERM ends it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default 8000; 0: any free one)")

    def handle(self, *, host: str, port: int, **_options: object) -> None:
        """Listen, say so, serve until a signal comes."""
        try:
            application = import_string("controlplane.asgi.application")  # it ends here without a key to sign with
            serve(application, host, port, lambda taken: self._say(f"Web listens on http://{netloc(host, taken)}"))
        except CannotListenError as error:
            self._refuse(f"{error} Choose another address with --host and --port.")
        except ImproperlyConfigured as error:
            self._refuse(str(error))
        self.stdout.flush()
        logging.shutdown()
        os._exit(0)  # a request that was cut off may have left a thread that waits for the event loop for ever

    def _refuse(self, sentence: str) -> NoReturn:
        self.stderr.write(sentence)
        sys.exit(USAGE_FAULT)

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()
