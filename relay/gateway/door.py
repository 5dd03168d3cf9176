"""The client's socket before it is a session's: the request's head in time, its answer, and who reads on.

An opening handshake goes to the ASGI application, which may take the socket over; any other request to Uvicorn's HTTP.
"""

import asyncio
from contextlib import suppress
from typing import Any, cast

from django.conf import settings
from uvicorn.config import Config
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from relay.gateway.request import RequestProtocol
from relay.protocol import denials
from relay.protocol.denials import Denial, Denied
from relay.protocol.forwarded import client_address
from relay.protocol.handshake import accept_value, acceptance, refusal, wants_websocket
from relay.protocol.heads import (
    Head,
    Headers,
    HeadInvalid,
    HeadReader,
    decoded_path,
    in_origin_form,
    parsed_request,
    refuse_ambiguous,
)
from relay.splicing.session import LINGER_SECONDS
from relay.telemetry.defects import contained

TAKE_OVER = "floodgate.take_over"
HANDSHAKE_DEADLINE_SECONDS = 5.0
SHORT_DEADLINE_SECONDS = 1.0  # where memory or files are short
LINGER_BYTES = 1024 * 1024
Message = dict[str, Any]
Client = tuple[str, int]  # address and port
NOWHERE: Client = ("", 0)  # the socket's other end has left already


class NobodyWaits(OSError):
    """The client has left, or has had its answer: ASGI has a server tell an application so."""


class ClientDoor(asyncio.Protocol):
    """One client's socket from its first byte until somebody else reads it, or it was refused and is gone.

    Uvicorn makes one for each connection. It asks for this constructor, asyncio's methods, and ``shutdown``.

    Attributes:
        client: whose it is, where a proxy told; else it is the socket's other end.
    """

    __slots__ = (
        "_app_state",
        "_config",
        "_is_answered",
        "_is_refused",
        "_loop",
        "_passed_over_bytes",
        "_patience_seconds",
        "_reader",
        "_refused_with",
        "_requests",
        "_scope",
        "_server_state",
        "_task",
        "_timer",
        "_transport",
        "client",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: object = None,
        *,
        requests: int = 0,
    ) -> None:
        """Take Uvicorn's configuration, its account of connections, and what the lifespan left for the application.

        So many ``requests`` were answered on the connection.
        """
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = asyncio.get_running_loop()
        self._reader = HeadReader()
        self._scope: Message = {}
        self._task: asyncio.Task[None] | None = None
        self._is_answered = self._is_refused = False
        self._requests = requests
        self._passed_over_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self.client: Client | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the head of a request, and no longer than the deadline."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        with contained("handshake", self._transport.abort):  # the server would leave the socket open
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        self._connections.add(self)
        self._patience_seconds = SHORT_DEADLINE_SECONDS if self._short_of else HANDSHAKE_DEADLINE_SECONDS
        self._timer = self._loop.call_later(self._patience_seconds, self._give_up)
        if self._app_state["worker"].resources.is_at_last_files and not self._requests:
            self._refuse(denials.relay_full("files"))  # at once: without a file, the next one would be reset

    def _reopen(self, unread: bytes) -> None:
        """Wait for a further request on a connection that had an answer."""
        door = type(self)(self._config, self._server_state, self._app_state, requests=self._requests + 1)
        door.client = self.client
        door.connection_made(self._transport)
        self._transport.set_protocol(door)
        if unread:
            door.data_received(unread)

    def connection_lost(self, _error: Exception | None) -> None:
        """End the handshake: nobody waits for its answer."""
        self._leave()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Take in a part of the head, or pass over what comes behind a refusal."""
        if self._is_answered:
            self._pass_over(data)
            return
        try:
            complete = self._reader.feed(data)
        except HeadInvalid as error:
            self._refuse(denials.head_refused(error.status, str(error)))
            return
        if complete is not None:
            self._stop_timer()
            self._transport.pause_reading()
            self._app_state["worker"].take_turn(lambda: self._open_in_turn(*complete))

    def eof_received(self) -> bool:
        """Close: there is no whole request, or it has its answer. While one is decided on, nothing is read."""
        return False

    def shutdown(self) -> None:
        """Answer what is undecided: this process ends."""
        with contained("handshake", self._transport.abort):
            if self._is_idle:
                self._transport.close()
            elif not self._is_answered:
                self._refuse(denials.draining())

    @property
    def _is_idle(self) -> bool:
        """Between two requests: nothing was asked that could be answered."""
        return self._requests > 0 and not self._reader.received

    @property
    def _short_of(self) -> str:
        """What this process has too little of for another connection."""
        return str(self._app_state["worker"].refuses(len(self._connections)))

    @property
    def _connections(self) -> set[Any]:
        """Those that Uvicorn shuts down; it types them as its own classes."""
        return self._server_state.connections

    def _open_in_turn(self, head: bytes, early: bytes) -> None:
        """Open, unless the client has left or was refused meanwhile: this process ends."""
        if self._is_answered or self._transport.is_closing():
            return
        with contained("handshake", self._transport.abort):
            try:
                self._open(self._understood(head), early)
            except HeadInvalid as error:
                self._refuse(denials.head_refused(error.status, str(error)))
            except Denied as denied:
                self._refuse(denied.denial)

    def _understood(self, head: bytes) -> Head:
        request = parsed_request(head)
        refuse_ambiguous(request)
        return request

    def _open(self, request: Head, early: bytes) -> None:
        """Begin the handshake, or have Uvicorn answer what is none."""
        head, client = in_origin_form(request), self._client(request)
        if not wants_websocket(head):
            self._charge(client)
            self._hand_over_to_http(client, self._reader.received.replace(request.first[1], head.first[1], 1))
            return
        accept = accept_value(head)
        if early:
            raise Denied(denials.frames_too_early())
        if short_of := self._short_of:
            raise Denied(denials.relay_full(short_of))
        self._reader = HeadReader()
        self._scope = _scope(head, self._transport, client)
        self._task = self._loop.create_task(self._shake_hands(accept))
        self._server_state.tasks.add(self._task)
        self._task.add_done_callback(self._server_state.tasks.discard)

    def _client(self, head: Head) -> Client:
        """Whose the request is: as far as our own proxies vouch for it."""
        client: Client = self.client or (self._transport.get_extra_info("peername") or NOWHERE)[:2]
        if not settings.TRUSTED_PROXIES:
            return client
        forwarded_for, forwarded = (
            [value.decode("latin-1") for value in head.values(name)] for name in (b"x-forwarded-for", b"forwarded")
        )
        address = client_address(client[0], forwarded_for, forwarded, settings.TRUSTED_PROXIES)
        return client if address == client[0] else (address, 0)

    def _charge(self, client: Client) -> None:
        """Charge a request that is no handshake to its address; the application charges handshakes.

        Raises:
            Denied: too many came from there.
        """
        self._app_state["worker"].admission.admit_address(client[0])

    def _hand_over_to_http(self, client: Client, received: bytes) -> None:
        self._leave()
        protocol = RequestProtocol(self._config, self._server_state, self._app_state)
        protocol.answers(self._requests + 1, self._reopen)
        protocol.connection_made(self._transport)
        protocol.client = client
        self._transport.set_protocol(protocol)
        self._transport.resume_reading()
        protocol.data_received(received)

    async def _shake_hands(self, accept: bytes) -> None:
        """Run the application from the handshake to the end of its session; nothing is left open then."""
        self._scope["state"] = self._app_state.copy()
        self._scope["extensions"] = {"websocket.http.response": {}, TAKE_OVER: self._take_over}

        async def send(message: Message) -> None:
            self._send(message, accept)

        task = asyncio.current_task()
        try:
            with contained("handshake"), suppress(NobodyWaits):
                try:
                    await self._config.loaded_app(self._scope, _receive, send)
                except asyncio.CancelledError as error:
                    if task and task.cancelling():
                        raise  # whoever cancels the handshake means it
                    raise RuntimeError("what the handshake waited for was cancelled") from error
            if not self._is_answered and not (task and task.cancelling()):
                self._refuse(denials.failed())
        finally:
            if not self._is_refused:
                self._transport.abort()

    def _send(self, message: Message, accept: bytes) -> None:
        """Do what an application's message says; the ones of a handshake are all that there are."""
        if self._is_answered or self._transport.is_closing():
            raise NobodyWaits
        if message["type"] == "websocket.accept":
            agreed = [*message["headers"]]
            if message["subprotocol"]:
                agreed.append((b"sec-websocket-protocol", message["subprotocol"].encode("latin-1")))
            self._is_answered = True
            self._transport.write(acceptance(accept, agreed))
        elif message["type"] == "websocket.http.response.start":
            self._refused_with = message["status"], message["headers"]
        else:
            self._write_refusal(*self._refused_with, message["body"])

    def _take_over(self, protocol: asyncio.Protocol) -> None:
        self._leave()
        self._scope.clear()  # it would be kept as long as the session
        self._task = None
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)

    def _refuse(self, denial: Denial) -> None:
        self._app_state["worker"].counters.handshakes["", "", denial.code] += 1
        self._write_refusal(denial.status, denial.all_headers(), denial.body())

    def _write_refusal(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer, and end the socket once the client has read it: closed over unread bytes, it would be reset."""
        self._is_answered = self._is_refused = True
        self._stop_timer()
        if self._transport.is_closing():
            return
        self._transport.write(refusal(status, [*self._server_state.default_headers, *headers], body))
        if self._transport.can_write_eof() and not self._short_of:  # it has no files for those who are gone
            self._transport.write_eof()
            self._transport.resume_reading()
            self._timer = self._loop.call_later(LINGER_SECONDS, self._transport.abort)
        else:
            self._transport.close()

    def _pass_over(self, data: bytes) -> None:
        self._passed_over_bytes += len(data)
        if self._passed_over_bytes > LINGER_BYTES:
            self._transport.abort()

    def _give_up(self) -> None:
        with contained("handshake", self._transport.abort):
            if self._is_idle:
                self._transport.close()
            else:
                self._refuse(denials.handshake_too_slow(self._patience_seconds))

    def _leave(self) -> None:
        self._stop_timer()
        self._connections.discard(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class OperationsDoor(ClientDoor):
    """The same for the port of operations, whose few callers are charged to nobody."""

    __slots__ = ()

    def shutdown(self) -> None:
        """Answer whoever asks as this process ends: what replaces it is not here yet, or has let this one accept."""
        with contained("handshake", self._transport.abort):
            if self._timer is not None and not self._is_answered:
                self._timer.cancel()
                self._timer = self._loop.call_later(SHORT_DEADLINE_SECONDS, self._give_up)

    def _charge(self, client: Client) -> None:
        """Let everybody ask."""


async def _receive() -> Message:
    """What an application may ask for before it has decided: that somebody wants to connect."""
    return {"type": "websocket.connect"}


def _scope(head: Head, transport: asyncio.Transport, client: Client) -> Message:
    """The handshake as ASGI describes it, less what the server adds."""
    raw_path, _, query = head.first[1].partition(b"?")
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss" if is_ssl(transport) else "ws",
        "client": client,
        "root_path": "",
        "path": decoded_path(raw_path),
        "raw_path": raw_path,
        "query_string": query,
        "headers": head.headers,
        "subprotocols": [],
    }
