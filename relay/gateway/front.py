"""What may stand before a request on a client's socket: a proxy's header that says whose it is, and TLS.

Used only where one of them is switched on: else Uvicorn accepts.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable

import structlog
from django.conf import settings

from relay.gateway.door import HANDSHAKE_DEADLINE_SECONDS, SHORT_DEADLINE_SECONDS, Client, ClientDoor
from relay.gateway.worker import Worker
from relay.protocol.forwarded import is_trusted
from relay.protocol.proxy_header import LARGEST_PROXY_DATA_BYTES, ProxyHeader, ProxyHeaderInvalid, read_proxy_header
from relay.splicing.session import LINGER_SECONDS
from relay.telemetry.defects import contained

log = structlog.get_logger()
AHEAD_BYTES = 16 + LARGEST_PROXY_DATA_BYTES
NO_FILES_PAUSE_SECONDS = 0.1


class FrontDoor:
    """Accepts sockets, has the proxy's header and TLS dealt with, and opens a client's door for each."""

    def __init__(
        self,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
        make_door: Callable[[], ClientDoor],
        worker: Worker,
    ) -> None:
        """Encrypt with ``tls``, if it is given; expect a proxy's header where the settings say so.

        ``worker`` notices if accepting ends before ``aclose``, and knows whether files are short.
        """
        self._listener = listener
        self._tls = tls
        self._make_door = make_door
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._worker = worker
        self._accepting = worker.tasks.start(self._accept(), "accept at the front door")

    async def aclose(self) -> None:
        """Accept no more, and give up on those that have not come as far as their request."""
        await self._worker.tasks.end(self._accepting, *self._opening)

    async def _accept(self) -> None:
        while True:
            if self._worker.resources.is_at_last_files:
                await asyncio.sleep(NO_FILES_PAUSE_SECONDS)  # newcomers wait in the kernel's queue meanwhile
                continue
            try:
                plug, peer = await self._loop.sock_accept(self._listener)
            except OSError as error:  # no file descriptor left, or the client is gone again
                log.warning("accept_failed", error=str(error))
                await asyncio.sleep(NO_FILES_PAUSE_SECONDS)
                continue
            task = self._loop.create_task(self._open(plug, (peer[0], peer[1])), name="open the front door")
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, plug: socket.socket, peer: Client) -> None:
        plug.settimeout(0)
        door = self._make_door()
        is_short = self._worker.refuses(len(self._opening))
        deadline_seconds = SHORT_DEADLINE_SECONDS if is_short else HANDSHAKE_DEADLINE_SECONDS
        with contained("front door"):
            try:
                async with asyncio.timeout(deadline_seconds):
                    door.client = await self._client(plug, peer) if settings.PROXY_PROTOCOL else peer
                    await self._loop.connect_accepted_socket(
                        lambda: door, plug, ssl=self._tls, ssl_shutdown_timeout=LINGER_SECONDS if self._tls else None
                    )
            except BaseException as error:
                plug.close()
                if not isinstance(error, ProxyHeaderInvalid | OSError | TimeoutError):  # ssl.SSLError is an OSError
                    raise
                log.info("front_door_closed", reason=str(error) or "no proxy's header, or no TLS, in time")

    async def _client(self, plug: socket.socket, peer: Client) -> Client:
        if not is_trusted(peer[0], settings.TRUSTED_PROXIES):
            raise ProxyHeaderInvalid(f"{peer[0]} is none of FLOODGATE_TRUSTED_PROXIES, and only they may connect")
        told = await self._proxy_header(plug)
        return (told.address, told.port) if told.address else peer

    async def _proxy_header(self, plug: socket.socket) -> ProxyHeader:
        """Take the header from the socket and not a byte more: what follows is TLS's, or the request.

        Raises:
            ProxyHeaderInvalid: what came is none.
        """
        received = b""
        while True:
            await self._until_readable(plug)
            ahead = plug.recv(AHEAD_BYTES, socket.MSG_PEEK)
            if not ahead:
                raise ProxyHeaderInvalid("the connection ended before the proxy's header")
            found = read_proxy_header(received + ahead)
            if found is not None:
                header, length = found
                plug.recv(length - len(received))
                return header
            received += plug.recv(len(ahead))

    async def _until_readable(self, plug: socket.socket) -> None:
        readable = asyncio.Event()
        self._loop.add_reader(plug, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(plug)
