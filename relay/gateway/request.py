"""One HTTP request on a client's socket: Uvicorn answers it, and the door (door.py) goes on with the next."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import is_ssl

from relay.protocol.denials import body_malformed
from relay.protocol.handshake import refusal
from relay.splicing.session import LINGER_SECONDS

ANSWER_SECONDS = 30.0  # from a request's head until its answer is on its way; then the client is cut off
MOST_REQUESTS = 100  # on one connection; the last answer says that it ends
CLOSE = (b"connection", b"close")
WHOLE = h11.DONE, h11.MUST_CLOSE  # a request that has come to its end
StaysOpen: TypeAlias = Any  # a bool, as asyncio reads it; Uvicorn's class says None


class RequestProtocol(H11Protocol):
    """Uvicorn's HTTP for one request. The next one on the same connection begins at the door, with a new deadline.

    The door reads no further before the answer is on its way as a whole: a client that sends requests and reads no
    answers would else have the relay keep all of these.
    """

    _is_answered = _has_ended = _is_refused = False

    def answers(self, requests: int, reopen: Callable[[bytes], None]) -> None:
        """Answer the connection's request number ``requests``; then call ``reopen`` with what came behind it."""
        self._requests, self._reopen = requests, reopen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the client so long to take its answer."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.transport.set_write_buffer_limits(high=0)  # resume_writing is called once nothing waits
        self._deadline = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request: nobody waits for its answer."""
        self._deadline.cancel()
        super().connection_lost(exc)

    def eof_received(self) -> StaysOpen:
        """Answer all the same: who sends no more may still read (RFC 9112, section 9.6). In TLS nobody can."""
        self._has_ended = self.conn.their_state in WHOLE and not is_ssl(self.transport)
        return self._has_ended

    def data_received(self, data: bytes) -> None:
        """Take the request in; the last one's answer says that the connection ends."""
        if self._is_refused:
            return
        super().data_received(data)
        if self.cycle is not None and self._requests >= MOST_REQUESTS:
            self.cycle.default_headers = [*self.server_state.default_headers, CLOSE]

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - Uvicorn's, which is plain text
        """Say what h11 can't read as all refusals are said. Closed at once, it would be reset."""
        self._is_refused = True
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        denial = body_malformed()
        headers = [*self.server_state.default_headers, *denial.all_headers()]
        self.transport.write(refusal(denial.status, headers, denial.body()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._deadline.cancel()
            self._deadline = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()

    def resume_writing(self) -> None:
        """Go on, as all that was written is on its way."""
        super().resume_writing()
        if self._is_answered:
            self._give_back()

    def on_response_complete(self) -> None:
        """Give the socket back once the answer is on its way, unless it ends."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.conn.their_state is not h11.DONE:
            self.transport.close()  # where the rest of this request ends can't be told
            return
        self._is_answered = True
        self.flow.pause_reading()
        if not self.flow.write_paused:
            self._give_back()

    def _give_back(self) -> None:
        unread, _ = self.conn.trailing_data
        if self._has_ended and not unread:
            self.transport.close()
        if self.transport.is_closing():
            return
        self._deadline.cancel()
        self.connections.discard(self)
        self.transport.set_write_buffer_limits()
        self.flow.resume_reading()
        self._reopen(unread)
