"""Two relay processes' shared limits, on one Redis."""

import asyncio
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from relay.sharing.sharing import Sharing
from relay.splicing.waiting import WaitingRoom


@pytest.fixture
def patience(settings):
    """Tests share two cores: an answer may come late."""
    settings.STORE_DECISION_SECONDS = 0.25


@pytest_asyncio.fixture
async def sharing_of(patience):
    """Makes what a process shares; all are closed."""
    async with AsyncExitStack() as stack:

        def make(room=None):
            sharing = Sharing(WaitingRoom(asyncio.get_running_loop()) if room is None else room)
            stack.push_async_callback(sharing.aclose)
            return sharing

        yield make
