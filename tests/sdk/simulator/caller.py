"""Someone who talks to a simulator as platforms' clients do, and over its control API."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple, TypeAlias

import aiohttp
import pytest
import websockets
from floodgate_simulator.application import Simulator
from multidict import CIMultiDictProxy
from websockets.http11 import Response

Unchecked: TypeAlias = Any  # JSON as the simulator wrote it, and what only passes through to a library

PATIENCE_SECONDS = 10
GENESYS_LOGIN = ("demo-genesys", "demo-genesys-secret")
CXONE_LOGIN = ("demo-cxone", "demo-cxone-secret")
ACCESS_KEY = {"grant_type": "password", "username": "demo-access-key", "password": "demo-access-secret"}


class Answer(NamedTuple):
    """An HTTP answer, read to its end; ``told`` is its JSON, or its text where it is none."""

    status: int
    headers: CIMultiDictProxy[str]
    content_type: str
    told: Unchecked


class Caller:
    """Talks to one simulator; what it opens is closed with ``stack``."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        """Take a running simulator."""
        self.simulator = simulator
        self._session = session
        self._stack = stack

    async def call(self, method: str, path: str, **options: Unchecked) -> Answer:
        """One HTTP request, with aiohttp's options."""
        async with self._session.request(method, self.simulator.url + path, **options) as response:
            text = await response.text()
            told = json.loads(text) if response.content_type == "application/json" and text else text
            return Answer(response.status, response.headers, response.content_type, told)

    async def get(self, path: str, **options: Unchecked) -> Answer:
        """One GET."""
        return await self.call("GET", path, **options)

    async def post(self, path: str, **options: Unchecked) -> Answer:
        """One POST."""
        return await self.call("POST", path, **options)

    async def ask_token(self, login: tuple[str, str] = GENESYS_LOGIN) -> Answer:
        """Genesys' answer to a request for a token."""
        headers = {"Authorization": aiohttp.encode_basic_auth(*login)}
        return await self.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=headers)

    async def token(self, login: tuple[str, str] = GENESYS_LOGIN) -> str:
        """A live token of Genesys."""
        token: str = (await self.ask_token(login)).told["access_token"]
        return token

    async def cxone_token(self) -> str:
        """A live token of CXone."""
        headers = {"Authorization": aiohttp.encode_basic_auth(*CXONE_LOGIN)}
        token: str = (await self.post("/auth/token", data=ACCESS_KEY, headers=headers)).told["access_token"]
        return token

    async def socket(
        self,
        path: str = "/v2/websocket/orders",
        token: str | None = None,
        **options: Unchecked,
    ) -> websockets.ClientConnection:
        """An open socket, by a new token of Genesys unless one is given."""
        headers = bearer(await self.token() if token is None else token)
        return await self.open(self.simulator.ws_url + path, additional_headers=headers, **options)

    async def open(self, url: str, **options: Unchecked) -> websockets.ClientConnection:
        """An open socket to any address, with the options of websockets."""
        connecting = websockets.connect(url, proxy=None, max_size=None, **options)
        return await self._stack.enter_async_context(connecting)

    async def refusal(self, path: str = "/v2/websocket/orders", token: str | None = None) -> Response:
        """The HTTP answer to a handshake that must not succeed."""
        with pytest.raises(websockets.InvalidStatus) as refused:
            await self.socket(path, token)
        return refused.value.response

    async def order(self, kind: str, target: str | None = None, **fields: Unchecked) -> str:
        """Order a fault that must be accepted; answers its path."""
        answer = await self.post("/control/faults", json={"kind": kind, "target": target, **fields})
        assert answer.status == 201, answer.told
        return f"/control/faults/{answer.told['id']}"

    async def until_struck(self, fault_path: str) -> None:
        """Wait until a fault has struck."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await self.get(fault_path)).told["struck"]:
                pass

    async def stats(self) -> Unchecked:
        """The simulator's counts."""
        return (await self.get("/control/stats")).told

    async def stats_when(self, condition: Callable[[Unchecked], object]) -> Unchecked:
        """The simulator's counts as soon as they fulfil the condition."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition(stats := await self.stats()):
                pass
            return stats

    async def received(self, query: str = "") -> list[Unchecked]:
        """The messages that the simulator received."""
        return [json.loads(line) for line in (await self.get(f"/control/received{query}")).told.splitlines()]

    async def received_when(self, count: int) -> list[Unchecked]:
        """The same, as soon as there are so many."""
        await self.stats_when(lambda stats: stats["overall"]["messages"] >= count)
        return await self.received()


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token; none for an empty one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


async def answer_of(socket: websockets.ClientConnection) -> str | bytes:
    """The next message of a socket, which must come soon."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await socket.recv()


async def close_of(socket: websockets.ClientConnection) -> tuple[int | None, str | None]:
    """The close code and the reason that a socket ends with, which must be soon."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason
