import asyncio
import time

import pytest
import pytest_asyncio

from relay.process.watchdog import BLOCKED_SECONDS, Watchdog, WatchdogDied
from tests.relay.eventually import eventually, turns

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def watchdog():
    """A watchdog over the test's own loop."""
    watchdog = Watchdog()
    beating = asyncio.create_task(watchdog.beat())
    await turns(0.1)
    yield watchdog
    beating.cancel()


def block_the_loop(seconds):
    """Do what nobody should do in an event loop."""
    over_at = time.monotonic() + seconds
    while time.monotonic() < over_at:
        pass


async def test_f5_a_blocked_loop_is_logged_once_with_where_it_stands(watchdog, caplog):
    block_the_loop(BLOCKED_SECONDS * 5)

    await eventually(lambda: watchdog.blocked_times)
    told = [record.msg for record in caplog.records if "event_loop_blocked" in str(record.msg)]
    assert len(told) == 1
    assert any("block_the_loop" in line for line in told[0]["stack"])
    await eventually(lambda: watchdog.longest_lag_seconds > BLOCKED_SECONDS)


async def test_f5_no_value_of_a_variable_is_logged(watchdog, caplog):
    canary = "canary-secret"
    block_the_loop(BLOCKED_SECONDS * 5)

    await eventually(lambda: watchdog.blocked_times)
    assert canary not in caplog.text


class Dying(Watchdog):
    """Its thread ends at once."""

    def _watch(self):
        pass


async def test_a_watchdog_whose_thread_ends_says_so():
    with pytest.raises(WatchdogDied):
        await Dying().beat()
