"""Senders at a fixed pace: the open loop, in which a slow relay slows down nothing that it is measured with."""

import asyncio
from collections import deque
from time import monotonic, perf_counter_ns

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.bench.load.latencies import Latencies
from tests.load.generators.orders import Door, Pace, Steady
from tests.relay.eventually import turns

FILLER = "x" * 500
ECHO_SECONDS = 2.0  # in which the last echoes come back
MADE_UP_FOR = 4  # messages that may leave at once after a stall of this process: fewer than limits let pass at once


class _Sender(WSListener):
    """One connection to an echo, which sends numbered messages."""

    def __init__(self, latencies: Latencies) -> None:
        self.sent = self.echoed = 0
        self.is_lost = False
        self._latencies = latencies
        self._sent_at: deque[int] = deque()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep what messages are sent on."""
        self._transport = transport

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        """Take an echo; picows answers pings and Close frames."""
        if frame.msg_type is WSMsgType.TEXT:
            self.echoed += 1
            self._latencies.add(perf_counter_ns() - self._sent_at.popleft())

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Note the end, which nobody has asked for yet."""
        self.is_lost = True

    async def send_at_pace(self, first_at: float, over_at: float, pause_seconds: float) -> None:
        """Send; what more a stall of this process delayed is not made up for: it would be a burst."""
        due_at = first_at
        while due_at < over_at and not self.is_lost:
            await turns(max(0.0, due_at - monotonic()))
            self._sent_at.append(perf_counter_ns())
            self._transport.send(WSMsgType.TEXT, f"{self.sent}|{FILLER}".encode())
            self.sent += 1
            due_at = max(due_at + pause_seconds, monotonic() - MADE_UP_FOR * pause_seconds)

    def end(self) -> None:
        """Cut the connection."""
        self._transport.disconnect(graceful=False)


async def steady(order: Steady) -> list[Pace]:
    """Send as ordered: what became of each door's messages."""
    latencies = [Latencies() for _ in order.doors]
    groups = [await _connected(door, kept) for door, kept in zip(order.doors, latencies, strict=True)]
    senders = [sender for group in groups for sender in group]
    pause_seconds, began = 1 / order.messages_per_second, monotonic()
    await asyncio.gather(
        *(
            sender.send_at_pace(began + pause_seconds * place / len(senders), began + order.seconds, pause_seconds)
            for place, sender in enumerate(senders)
        )
    )
    await turns(ECHO_SECONDS)
    paces = [_pace(group, kept) for group, kept in zip(groups, latencies, strict=True)]
    for sender in senders:
        sender.end()
    return paces


async def _connected(door: Door, latencies: Latencies) -> list[_Sender]:
    senders = []
    for authorization in door.authorizations:
        _, sender = await ws_connect(
            lambda: _Sender(latencies),
            f"ws://127.0.0.1:{door.port}{door.path}",
            extra_headers={"Authorization": authorization},
        )
        assert isinstance(sender, _Sender)
        senders.append(sender)
    return senders


def _pace(senders: list[_Sender], latencies: Latencies) -> Pace:
    return Pace(
        sent=sum(sender.sent for sender in senders),
        echoed=sum(sender.echoed for sender in senders),
        lost=sum(sender.is_lost for sender in senders),
        p50_ms=latencies.percentile_ms(50),
        p99_ms=latencies.percentile_ms(99),
        longest_ms=latencies.percentile_ms(100),
    )
