"""The demo's integrations, as any customer would write them: a token, a socket through the relay, JSON messages.

Run as `python -m controlplane.demonstration.traffic credentials.json`; once a second it prints one line of JSON that
says of each integration how much it wanted to send and how much it sent. Knows no Django.
"""

import asyncio
import json
import random
import socket
import sys
import time
from pathlib import Path

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from controlplane.demonstration.credentials import ClientCredentials, Credentials, load_credentials
from controlplane.demonstration.scenario import CLIENTS, ClientPart

TICK_SECONDS = 0.02
REPORT_SECONDS = 1.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
# Small, so that what a throttled integration can't send is counted here and not hidden in the kernel (3 MB by default).
SEND_BUFFER_BYTES = 16 * 1024
TEXT = "A customer called about the booking of last week and asked for another date."


class TokenRefused(Exception):
    """The token endpoint answered with something else than a token."""


class Integration:
    """One integration: connects, sends what is due, and connects again with growing pauses when it is cut off."""

    def __init__(self, part: ClientPart, client: ClientCredentials, credentials: Credentials) -> None:
        """Its clock runs from now on, connected or not."""
        self._part = part
        self._client = client
        self._token_url = credentials.token_url
        self._url = credentials.relay_url + client.path
        self._began = time.monotonic()
        self._sent = self._sent_before = 0
        self._connected_at = 0.0
        self._failures = 0
        self._is_connected = False

    def report(self) -> dict[str, object]:
        """What it wanted to send so far, what it sent, and since when it has its connection, in Unix seconds."""
        return {
            "client_id": self._client.client_id,
            "at": time.time(),
            "offered": self._offered(),
            "sent": self._sent,
            "sent_before": self._sent_before,
            "connected_at": self._connected_at,
            "is_connected": self._is_connected,
        }

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Send until cancelled."""
        while True:
            retry_after_seconds = 0.0
            try:
                await self._connect_and_send(http)
            except* (OSError, TokenRefused, aiohttp.ClientError, WebSocketException) as failures:
                failure = _first(failures)
                retry_after_seconds = _retry_after_seconds(failure)
                _say(f"{self._part.name}: {type(failure).__name__}: {failure}")
            self._is_connected = False
            await asyncio.sleep(max(retry_after_seconds, self._pause_seconds()))

    async def _connect_and_send(self, http: aiohttp.ClientSession) -> None:
        headers = {"Authorization": f"Bearer {await self._token(http)}"}
        # No pings by one that floods: their answers would stand behind its own backlog, and it would give up on itself.
        ping_seconds = None if self._part.floods else 20
        async with connect(self._url, additional_headers=headers, ping_interval=ping_seconds, proxy=None) as connection:
            _limit_send_buffer(connection)
            self._failures = 0
            self._is_connected = True
            self._sent_before, self._connected_at = self._sent, time.time()
            async with asyncio.TaskGroup() as both:
                both.create_task(self._send_what_is_due(connection))
                both.create_task(_read(connection))

    async def _token(self, http: aiohttp.ClientSession) -> str:
        login = {"Authorization": aiohttp.encode_basic_auth(self._client.client_id, self._client.client_secret)}
        async with http.post(self._token_url, data={"grant_type": "client_credentials"}, headers=login) as answer:
            if answer.status != 200:  # noqa: PLR2004
                raise TokenRefused(f"{answer.status} {await answer.text()}")
            return str((await answer.json())["access_token"])

    async def _send_what_is_due(self, connection: ClientConnection) -> None:
        while True:
            while self._sent < self._offered():
                await connection.send(self._message(self._sent + 1))  # waits while the relay does not read
                self._sent += 1
            await asyncio.sleep(TICK_SECONDS)

    def _message(self, number: int) -> str:
        message = {"sender": self._part.name, "n": number, "sent_at": round(time.time(), 6), "text": TEXT}
        return json.dumps(message, separators=(",", ":"))

    def _offered(self) -> int:
        return self._part.pace.offered(time.monotonic() - self._began)

    def _pause_seconds(self) -> float:
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        return random.uniform(0, longest)


async def send_all(credentials: Credentials) -> None:
    """Run every integration of the scenario that has credentials, and report, until cancelled."""
    integrations = [
        Integration(CLIENTS[client.name], client, credentials)
        for client in credentials.clients
        if client.name in CLIENTS
    ]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http, asyncio.TaskGroup() as group:
        for integration in integrations:
            group.create_task(integration.run(http))
        while True:
            report = [integration.report() for integration in integrations]
            sys.stdout.write(json.dumps(report) + "\n")
            sys.stdout.flush()
            await asyncio.sleep(REPORT_SECONDS)


async def _read(connection: ClientConnection) -> None:
    """Take what the platform says, so that it is never waited for; raise when the connection ends."""
    async for _ in connection:
        continue
    raise ConnectionClosed(connection.protocol.close_rcvd, connection.protocol.close_sent)


def _limit_send_buffer(connection: ClientConnection) -> None:
    own_socket: socket.socket = connection.transport.get_extra_info("socket")
    own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Both tasks of a connection may fail by its end: one reason is enough."""
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure


def _retry_after_seconds(failure: BaseException) -> float:
    told = failure.response.headers.get("Retry-After", "") if isinstance(failure, InvalidStatus) else ""
    return float(told) if told.isdecimal() else 0.0


def main(path: Path) -> None:
    """Send until SIGTERM, which ends this process at once, as it ends any customer's."""
    credentials = load_credentials(path)
    if credentials is None:
        _say(f"{path} can't be read. `make demo` writes it.")
        sys.exit(2)
    asyncio.run(send_all(credentials))


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
