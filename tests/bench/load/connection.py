"""One WebSocket connection to an echo: opens, sends messages of one size, counts what comes back, closes.

Each message is a write of its own, as with clients that send when something happens: a load that gathers writes would
spare the relay most of its reads.
"""

import asyncio
from collections.abc import Callable

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.bench.load.scenarios import MESSAGE_BYTES, Target

_HANDSHAKE_TIMEOUT_SECONDS = 15
_MESSAGE = b"x" * MESSAGE_BYTES


class ConnectionFailed(Exception):
    """The other side refused, closed, or sent what no echo sends."""


class Connection(WSListener):
    """A client of an echo. ``on_echo`` is called with the connection for each message that comes back."""

    def __init__(self, on_echo: Callable[["Connection"], None]) -> None:
        self.is_closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._on_echo = on_echo
        self._reason = "cut without a close frame"

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep what messages are sent on."""
        self._transport = transport

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        """Tell an echo from the end of the connection; picows answers pings."""
        if frame.payload_size == MESSAGE_BYTES:
            self._on_echo(self)
        elif frame.msg_type is WSMsgType.CLOSE:
            self._reason = f"closed with {frame.get_close_code()} {frame.get_close_reason() or ''}".rstrip()
            self.close()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._reason = f"not an echo: a message of {frame.payload_size} bytes"
            self.abort()

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Tell who waits, with the reason."""
        if not self.is_closed.done():
            self.is_closed.set_result(self._reason)

    def send(self, messages: int = 1) -> None:
        """Send so many messages. On a connection that is lost nothing happens: ``is_closed`` tells."""
        for _ in range(messages):
            self._transport.send(WSMsgType.TEXT, _MESSAGE)

    def close(self) -> None:
        """Begin or answer the closing handshake. The other side ends the TCP connection (RFC 6455, 7.1.1)."""
        if not self._transport.is_close_frame_sent:
            self._transport.send_close(WSCloseCode.OK)

    def abort(self) -> None:
        """Cut the TCP connection."""
        self._transport.disconnect(graceful=False)


async def open_connection(target: Target, on_echo: Callable[[Connection], None]) -> Connection:
    """A connection whose handshake was accepted.

    Raises:
        ConnectionFailed: it was refused, or not answered in time.
    """
    headers = {"Authorization": target.authorization} if target.authorization else None
    try:
        _, connection = await ws_connect(
            lambda: Connection(on_echo),
            f"ws://127.0.0.1:{target.port}{target.path}",
            extra_headers=headers,
            websocket_handshake_timeout=_HANDSHAKE_TIMEOUT_SECONDS,
        )
    except (WSError, OSError, TimeoutError) as problem:
        raise ConnectionFailed(f"A handshake failed: {problem!r}") from problem
    assert isinstance(connection, Connection)
    return connection


def expect_nothing(connection: Connection) -> None:
    """What to do with echoes where nothing was sent."""
