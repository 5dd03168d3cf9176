import asyncio
import json
import signal
import urllib.request
from collections import defaultdict

import pytest
import websockets

from tests.relay.eventually import turns

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(300)]
CLIENTS, RESTARTS = 8, 10
PAUSE_SECONDS = 0.01


class Sender:
    """An integration that sends numbered messages, and connects again when it is told to."""

    def __init__(self, name, url, headers):
        """``ledger`` keeps how many were sent on each connection, ``codes`` how each one ended."""
        self.name, self.url, self.headers = name, url, headers
        self.ledger, self.codes, self.refusals = [], [], []
        self.is_over = False

    async def run(self):
        """Send until it is over."""
        while not self.is_over:
            try:
                connection = await websockets.connect(self.url, additional_headers=self.headers, proxy=None)
            except websockets.InvalidStatus as refused:
                self.refusals.append((refused.response.status_code, refused.response.headers.get("Retry-After")))
                await turns(PAUSE_SECONDS)
                continue
            self.ledger.append(0)
            await self._send_on(connection)

    async def _send_on(self, connection):
        try:
            while not self.is_over:
                await connection.send(f"{self.name}/{len(self.ledger)}/{self.ledger[-1]}")
                self.ledger[-1] += 1
                await turns(PAUSE_SECONDS)
            await connection.close()
        except websockets.ConnectionClosed as closed:
            self.codes.append(closed.rcvd.code if closed.rcvd else 1006)


def received_by_connection(port):
    """The numbers that the platform got, in their order, by sender and connection."""
    numbers = defaultdict(list)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/control/received", timeout=30) as answer:
        for line in answer:
            name, connection, number = json.loads(line)["message"].split("/")
            numbers[name, int(connection)].append(int(number))
    return numbers


async def test_f49_ten_rolling_restarts_under_load_lose_nothing_in_between(relay_of, client_of, platform_of, told):
    port, _ = platform_of()
    relay = relay_of(processes=2, FLOODGATE_DRAIN_SECONDS="1")
    senders = [
        Sender(str(number), f"{relay.url}/v2/websocket/orders", client_of((port, port))) for number in range(CLIENTS)
    ]
    running = [asyncio.create_task(sender.run()) for sender in senders]

    for _ in range(RESTARTS):
        before = relay.children()
        relay.signal(signal.SIGHUP)
        while before & relay.children() or len(relay.children()) != 2:
            await turns(0.1)
    for sender in senders:
        sender.is_over = True
    await asyncio.gather(*running)

    got = received_by_connection(port)
    codes = [code for sender in senders for code in sender.codes]
    refusals = [refusal for sender in senders for refusal in sender.refusals]
    sent = sum(sum(sender.ledger) for sender in senders)
    told(f"sent {sent}, received {sum(map(len, got.values()))}, closes {len(codes)}, refusals {refusals}")
    assert all(numbers == list(range(len(numbers))) for numbers in got.values())
    assert set(codes) == {1012}
    assert all(status == 503 and retry_after for status, retry_after in refusals)
