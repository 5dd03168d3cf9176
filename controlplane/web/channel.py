"""The doors of web: one client's connection to Daphne, with deadlines and bounds before anything is kept.

Daphne writes a request's whole body to a file before the application sees any of it, and waits for ever for a head that
comes byte by byte. Twisted's classes are subclassed here, and nowhere else; its version is pinned exactly.
"""

import resource
from collections.abc import Callable

from daphne.http_protocol import WebRequest
from twisted.internet.interfaces import IAddress, IDelayedCall, IHalfCloseableProtocol
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, HTTPFactory, Request
from zope.interface import implementer

from controlplane.content_security import BARE
from relay.protocol.denials import Denial, body_malformed, handshake_too_slow, head_refused
from relay.protocol.heads import (
    LARGEST_HEAD_BYTES,
    Head,
    HeadInvalid,
    HeadReader,
    in_origin_form,
    parsed_request,
    refuse_ambiguous,
    written_answer,
    written_request,
)

HEAD_SECONDS = 5.0  # for the whole of it
BODY_SECONDS = 15.0  # for the whole of it
IDLE_SECONDS = 60  # between two requests, unless somebody else needs the place
LARGEST_BODY_BYTES = 256 * 1024  # as it comes, chunk sizes included
LINGER_SECONDS = 2.0  # a client that is refused has that long to read why
LINGER_BYTES = 1024 * 1024
MOST_CONNECTIONS = 2_048
TOO_LARGE = Denial(413, "body_too_large", f"The body is larger than {LARGEST_BODY_BYTES:,} bytes.")
NO_WEBSOCKET = Denial(404, "no_websocket", "No WebSocket is opened here. The relay opens them.")


@implementer(IHalfCloseableProtocol)
class WebChannel(HTTPChannel):
    """One client's connection: refuses what is too slow, too large or ambiguous before it is kept.

    A head is read as the relay reads it, and given to Twisted once nothing is wrong with it: the same answers at both.
    """

    MAX_LENGTH = totalHeadersSize = LARGEST_HEAD_BYTES + 4
    factory: "WebFactory"

    def __init__(self) -> None:
        """Begin with nothing received."""
        super().__init__()
        self._reader = HeadReader()
        self._deadline: IDelayedCall | None = None
        self._patience_seconds = HEAD_SECONDS
        self._body_bytes: int | None = None  # of a body that comes in chunks
        self._is_refused = self._is_answering = self._has_ended = False  # ended: the client sends no more
        self._passed_over_bytes = 0

    def connectionMade(self) -> None:
        """Wait for the head of a request, and no longer than the deadline."""
        super().connectionMade()
        self.factory.opened(self)
        self._begin(HEAD_SECONDS)

    def connectionLost(self, reason: Failure) -> None:
        """Give the place free."""
        self._begin(None)
        self.factory.closed(self)
        super().connectionLost(reason)

    def readConnectionLost(self) -> None:
        """Answer what is asked all the same: who sends no more may still read (RFC 9112, section 9.6)."""
        self._has_ended = True
        if not self._is_answering:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: the client is told no more, and has a while to leave."""

    def dataReceived(self, data: bytes) -> None:
        """Take in a part of a request, or pass over what comes behind a refusal."""
        if self._is_refused:
            self._pass_over(data)
        elif self._is_answering or not self.line_mode:
            super().dataReceived(data)  # of a body, or of a further request, which Twisted keeps
        else:
            self._read_head(data)

    def _read_head(self, data: bytes) -> None:
        if self._deadline is None and self.factory.is_waiting(self):
            self._begin(HEAD_SECONDS)
        try:
            complete = self._reader.feed(data)
            if complete is None:
                return
            head = _understood(complete[0])
        except HeadInvalid as error:
            self._refuse(head_refused(error.status, str(error)))
            return
        self._reader = HeadReader()
        method, target, version = head.first
        super().dataReceived(written_request(method, target, head.headers, version))
        if complete[1]:
            self.dataReceived(complete[1])

    def allHeadersReceived(self) -> None:
        """Refuse what must not be read, before any of its body is kept."""
        headers = self.requests[-1].requestHeaders
        self._begin(BODY_SECONDS)
        self.factory.busy(self)
        if b"websocket" in headers.getRawHeaders(b"upgrade", [b""])[0].lower():
            self._refuse(NO_WEBSOCKET)
        elif self.length is not None and self.length > LARGEST_BODY_BYTES:
            self._refuse(TOO_LARGE)
        else:
            self._body_bytes = 0 if self.length is None else None
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """Take in a part of a body; of one in chunks nobody knows the length before."""
        if self._is_refused:
            return
        if self._body_bytes is not None:
            self._body_bytes += len(data)
            if self._body_bytes > LARGEST_BODY_BYTES:
                self._refuse(TOO_LARGE)
                return
        super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        """Have a whole request answered."""
        if self._is_refused:
            return
        self._begin(None)
        self._body_bytes = None
        self._is_answering = True
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """Wait for the next request, whose head has a deadline from its first byte on; or end, if none can come."""
        self.factory.waits(self)
        if self._has_ended or not self.persistent:
            self._begin(IDLE_SECONDS, self.evict)  # Twisted waits for ever until the answer is taken
        self._is_answering = False
        super().requestDone(request)  # takes in what came of the next one
        if self._has_ended and not self._is_answering:
            self.transport.loseConnection()

    def evict(self) -> None:
        """End at once: somebody else needs the place."""
        self.transport.abortConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Say what Twisted can't read as all other refusals are said; its own answer is a bare status line."""
        if not self._is_refused:
            self._refuse(body_malformed())

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport.disconnecting:
            self.transport.abortConnection()
        else:
            self._refuse(handshake_too_slow(self._patience_seconds))

    def _refuse(self, denial: Denial) -> None:
        """Answer, and end the socket once the client has read it: closed over unread bytes, it would be reset."""
        self._is_refused = True
        body = denial.body()
        headers = [(b"connection", b"close"), *denial.all_headers(), *BARE, (b"content-length", b"%d" % len(body))]
        self.transport.write(written_answer(denial.status, headers, body))
        self.transport.loseWriteConnection()
        self._begin(LINGER_SECONDS, self.evict)

    def _pass_over(self, data: bytes) -> None:
        self._passed_over_bytes += len(data)
        if self._passed_over_bytes > LINGER_BYTES:
            self.evict()

    def _begin(self, seconds: float | None, then: Callable[[], None] | None = None) -> None:
        """Have one deadline, in place of the one before."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._patience_seconds = seconds or 0
        self._deadline = None if seconds is None else self.callLater(seconds, then or self._too_slow)


def _understood(head: bytes) -> Head:
    request = parsed_request(head)
    refuse_ambiguous(request)
    return in_origin_form(request)


class WebFactory(HTTPFactory):
    """Opens a door for each connection, up to a bound. Beyond it, the one that waits longest for a head gives way."""

    def __init__(self, server: object, most: int) -> None:
        """Serve for Daphne's ``server``, with ``most`` connections at once."""
        super().__init__(timeout=IDLE_SECONDS)
        self.server = server
        self._most = most
        self._open: set[WebChannel] = set()
        self._waiting: dict[WebChannel, None] = {}  # for a head; the longest first

    def buildProtocol(self, addr: IAddress | None) -> WebChannel | None:  # noqa: ARG002 - Twisted's
        """Open a door, or none: Twisted closes the socket then."""
        if len(self._open) >= self._most and not self._evicted():
            return None
        channel = WebChannel()
        channel.requestFactory = WebRequest
        channel.site = channel.factory = self
        channel.timeOut = self.timeOut
        channel.callLater = self.reactor.callLater
        return channel

    def opened(self, channel: WebChannel) -> None:
        """Count a connection, which waits for its first head."""
        self._open.add(channel)
        self._waiting[channel] = None

    def closed(self, channel: WebChannel) -> None:
        """Count it no more."""
        self._open.discard(channel)
        self._waiting.pop(channel, None)

    def waits(self, channel: WebChannel) -> None:
        """Note that a connection waits for a further head."""
        if channel in self._open:
            self._waiting[channel] = None

    def busy(self, channel: WebChannel) -> None:
        """Note that a connection has brought a head."""
        self._waiting.pop(channel, None)

    def is_waiting(self, channel: WebChannel) -> bool:
        """Tell whether a connection waits for a head."""
        return channel in self._waiting

    def _evicted(self) -> bool:
        longest = next(iter(self._waiting), None)
        if longest is None:
            return False
        self.closed(longest)
        longest.evict()
        return True


def most_connections() -> int:
    """As many as half of this process's files, and no more than the bound: stores and logs need some too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, max(1, soft // 2))
