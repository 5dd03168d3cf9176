"""Daphne, as web runs it: each connection begins at our door, and WebSockets are not opened."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from daphne.server import Server
from twisted.internet import reactor
from twisted.logger import globalLogBeginner

from controlplane.web.channel import WebFactory, most_connections

Application: TypeAlias = Any  # ASGI's dictionaries are open
BACKLOG = 1024
CHECK_SECONDS = 1


def serve(application: Application, host: str, port: int, listening: Callable[[int], None]) -> None:
    """Run web until SIGTERM or SIGINT; ``listening`` is told the port.

    This is what daphne.server.Server.run does, with our factory in place of its own and without WebSockets.

    Raises:
        CannotListenError: the address is in use or not ours.
    """
    server = Server(application, endpoints=["unused"], server_name="", verbosity=0)
    server.connections = {}
    globalLogBeginner.beginLoggingTo([lambda _event: None], redirectStandardIO=False, discardBuffer=True)
    listener = reactor.listenTCP(port, WebFactory(server, most_connections()), BACKLOG, host)
    listening(listener.getHost().port)
    asyncio.set_event_loop(reactor._asyncioEventloop)  # noqa: SLF001 - as Daphne does
    reactor.callLater(CHECK_SECONDS, server.application_checker)
    reactor.callLater(CHECK_SECONDS, server.timeout_checker)
    reactor.addSystemEventTrigger("before", "shutdown", server.kill_all_applications)
    reactor.run()
