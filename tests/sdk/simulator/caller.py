"""Someone who talks to a simulator as platforms' clients do, and over its control API. Asserts nothing of its own."""

import asyncio
import json

import aiohttp
import pytest
import websockets

PATIENCE_SECONDS = 10
GENESYS_LOGIN = ("demo-genesys", "demo-genesys-secret")
CXONE_LOGIN = ("demo-cxone", "demo-cxone-secret")
ACCESS_KEY = {"grant_type": "password", "username": "demo-access-key", "password": "demo-access-secret"}


class Caller:
    """Talks to one simulator as platforms' clients do, and over its control API."""

    def __init__(self, simulator, session, stack):
        self.simulator = simulator
        self.session = session
        self.stack = stack

    async def call(self, method, path, **options):
        """One HTTP request; answers the response, read to its end, with its JSON as ``told``."""
        async with self.session.request(method, self.simulator.url + path, **options) as response:
            text = await response.text()
            response.told = json.loads(text) if response.content_type == "application/json" and text else text
            return response

    async def get(self, path, **options):
        return await self.call("GET", path, **options)

    async def post(self, path, **options):
        return await self.call("POST", path, **options)

    async def ask_token(self, login=GENESYS_LOGIN):
        headers = {"Authorization": aiohttp.encode_basic_auth(*login)}
        return await self.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=headers)

    async def token(self, login=GENESYS_LOGIN):
        return (await self.ask_token(login)).told["access_token"]

    async def cxone_token(self):
        headers = {"Authorization": aiohttp.encode_basic_auth(*CXONE_LOGIN)}
        return (await self.post("/auth/token", data=ACCESS_KEY, headers=headers)).told["access_token"]

    async def socket(self, path="/v2/websocket/orders", token=None, **options):
        """An open socket, closed with the test."""
        headers = bearer(await self.token() if token is None else token)
        options = {"proxy": None, "additional_headers": headers, "max_size": None} | options
        connecting = websockets.connect(self.simulator.ws_url + path, **options)
        return await self.stack.enter_async_context(connecting)

    async def refusal(self, path="/v2/websocket/orders", token=None):
        """The HTTP answer to a handshake that must not succeed."""
        with pytest.raises(websockets.InvalidStatus) as refused:
            await self.socket(path, token)
        return refused.value.response

    async def order(self, kind, target=None, **fields):
        """Order a fault that must be accepted; answers its path."""
        response = await self.post("/control/faults", json={"kind": kind, "target": target, **fields})
        assert response.status == 201, response.told
        return f"/control/faults/{response.told['id']}"

    async def until_struck(self, fault_path, times=1):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.get(fault_path)).told["struck"] < times:
                pass

    async def stats(self):
        return (await self.get("/control/stats")).told

    async def stats_when(self, condition):
        """The stats as soon as they fulfil the condition."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition(stats := await self.stats()):
                pass
            return stats

    async def received(self, query=""):
        text = (await self.get(f"/control/received{query}")).told
        return [json.loads(line) for line in text.splitlines()]

    async def received_when(self, count):
        await self.stats_when(lambda stats: stats["overall"]["messages"] >= count)
        return await self.received()


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


async def answer_of(socket):
    """The next message of a socket that must come soon."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await socket.recv()


async def close_of(socket):
    """The close code and reason that a socket ends with, after whatever messages."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason
