"""Integrations that send numbered messages, and connect again when they are told to."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

import websockets

from tests.faults.ground.ledger import Ledger, Verdict, received_by
from tests.relay.eventually import turns

PAUSE_SECONDS = 0.01
ABNORMAL = 1006
OPEN_SECONDS, LATE_SECONDS = 20, 15  # a loaded machine is slow; what is lost is not late


class Sender:
    """Sends until it is over.

    Attributes:
        codes: how each of its connections ended, 1006 where no Close frame came.
        refusals: status and Retry-After of each handshake that was refused.
        sent: how many messages it has sent on the connection that is open.
    """

    def __init__(self, name: str, url: str, headers: Mapping[str, str], ledger: Ledger, *, reads: bool = True) -> None:
        """Without ``reads``, what the platform sends is left in the sockets until it is over."""
        self.name, self.url, self.headers, self.ledger, self.reads = name, url, headers, ledger, reads
        self.codes: list[int] = []
        self.refusals: list[tuple[int, str | None]] = []
        self.connected = self.sent = 0
        self.is_over = False

    async def run(self) -> None:
        """Send until it is over."""
        while not self.is_over:
            try:
                connection = await websockets.connect(
                    self.url,
                    additional_headers=self.headers,
                    compression=None,  # a filler would shrink to nothing
                    proxy=None,
                    open_timeout=OPEN_SECONDS,
                    max_queue=1,
                )
            except websockets.InvalidStatus as refused:
                self.refusals.append((refused.response.status_code, refused.response.headers.get("Retry-After")))
                await turns(PAUSE_SECONDS)
            except (OSError, websockets.InvalidHandshake):
                await turns(PAUSE_SECONDS)  # the process ended in the middle of it
            else:
                self.connected += 1
                await self._send_on(connection)

    async def _send_on(self, connection: websockets.ClientConnection) -> None:
        name, self.sent = f"{self.name}/{self.connected}", 0
        reading = asyncio.create_task(_read_all(connection)) if self.reads else None
        try:
            while not self.is_over:
                await connection.send(self.ledger.next_message(name))
                self.sent += 1
                await turns(PAUSE_SECONDS)
        except websockets.ConnectionClosed as closed:
            self.codes.append(closed.rcvd.code if closed.rcvd else ABNORMAL)
            self.ledger.cut(name)
        else:
            reading = reading or asyncio.create_task(_read_all(connection))
            await connection.close()
        finally:
            connection.transport.abort()
            await connection.wait_closed()
            if reading is not None:
                await reading


async def _read_all(connection: websockets.ClientConnection) -> None:
    with suppress(websockets.ConnectionClosed):
        async for _ in connection:
            pass


class Crowd:
    """Senders that share a ledger and a platform."""

    def __init__(self, platform: int, headers: Callable[[], Mapping[str, str]]) -> None:
        """``platform`` is its port; ``headers`` makes another client of it."""
        self.platform, self.headers, self.ledger = platform, headers, Ledger()
        self._tasks: list[tuple[Sender, asyncio.Task[None]]] = []

    def join(self, relay_url: str, count: int, *, reads: bool = True) -> list[Sender]:
        """So many more begin to send."""
        url, known = f"{relay_url}/v2/websocket/orders", len(self._tasks)
        senders = [
            Sender(str(known + number), url, self.headers(), self.ledger, reads=reads) for number in range(count)
        ]
        self._tasks += [(sender, asyncio.create_task(sender.run())) for sender in senders]
        return senders

    async def leave(self) -> None:
        """All end, by closing what is open."""
        for sender, _ in self._tasks:
            sender.is_over = True
        await asyncio.gather(*(task for _, task in self._tasks))

    async def abandon(self) -> None:
        """End what still runs, at once."""
        for _, task in self._tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._tasks), return_exceptions=True)

    def verdict(self) -> Verdict:
        """What became of all that they sent."""
        return self.ledger.compare(received_by(self.platform), LATE_SECONDS)


def codes_of(senders: list[Sender]) -> Counter[int]:
    """How often each code ended a connection."""
    return Counter(code for sender in senders for code in sender.codes)
