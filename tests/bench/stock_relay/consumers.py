"""A relay as a good Django team writes it with what Channels offers: a consumer, a client, a task that pumps back.

It limits nothing. The bench compares with it what Floodgate's own way costs.
"""

import asyncio

from channels.generic.websocket import AsyncWebsocketConsumer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.bench.stock_relay.platforms import PLATFORM_URLS

PLATFORM_UNREACHABLE = 1014


class RelayConsumer(AsyncWebsocketConsumer):
    """One connection of a client, and the connection to the platform that belongs to it."""

    platform: ClientConnection | None = None
    pump: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Connect to the channel's platform; accept the client once that stands."""
        url = PLATFORM_URLS[self.scope["url_route"]["kwargs"]["channel"]]
        try:
            self.platform = await connect(url, compression=None)
        except (OSError, InvalidHandshake):
            await self.close()
            return
        await self.accept()
        self.pump = asyncio.create_task(self._pump_back(self.platform))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pass a message on to the platform."""
        message = text_data if text_data is not None else bytes_data
        if self.platform is None or message is None:
            return
        try:
            await self.platform.send(message)
        except ConnectionClosed:
            await self.close(code=PLATFORM_UNREACHABLE)

    async def disconnect(self, _code: int) -> None:
        """Give the platform's connection back."""
        if self.pump:
            self.pump.cancel()
        if self.platform:
            await self.platform.close()

    async def _pump_back(self, platform: ClientConnection) -> None:
        async for message in platform:
            if isinstance(message, str):
                await self.send(text_data=message)
            else:
                await self.send(bytes_data=message)
        await self.close()
