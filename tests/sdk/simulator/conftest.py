"""A running simulator with any settings, and a caller to it."""

from contextlib import AsyncExitStack

import aiohttp
import pytest_asyncio
from floodgate_simulator.application import running_simulator
from floodgate_simulator.settings import Settings

from tests.sdk.simulator.caller import Caller


@pytest_asyncio.fixture
async def caller_of():
    """Starts a simulator with any settings, and gives a caller to it."""
    async with AsyncExitStack() as stack:

        async def start(**options):
            simulator = await stack.enter_async_context(running_simulator(settings=Settings(**options)))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            sockets = await stack.enter_async_context(AsyncExitStack())
            return Caller(simulator, session, sockets)

        yield start


@pytest_asyncio.fixture
async def caller(caller_of):
    """A caller to a simulator with default settings."""
    return await caller_of()


@pytest_asyncio.fixture
async def simulator(caller):
    """The running simulator itself."""
    return caller.simulator
