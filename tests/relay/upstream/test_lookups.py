import asyncio
import threading

import pytest

from relay.upstream.lookups import MOST_LOOKUPS, Lookups
from tests.relay.eventually import eventually
from tests.relay.upstream.names import Names

PLATFORM = "platform.example"


@pytest.fixture
def silence():
    """A name server that does not answer before the test is over."""
    silence = threading.Event()
    yield silence
    silence.set()


@pytest.mark.asyncio
async def test_the_system_is_asked_for_a_name():
    assert "127.0.0.1" in await Lookups().addresses("localhost")


@pytest.mark.asyncio
async def test_f40_a_name_that_nobody_knows_is_a_failure():
    with pytest.raises(OSError, match=r"\[Errno"):
        await Lookups().addresses("nowhere.invalid")


@pytest.mark.asyncio
async def test_addresses_come_in_the_systems_order_and_once_each():
    lookups = Lookups(Names(platform=["192.0.2.2", "2001:db8::1", "192.0.2.2", "192.0.2.1"]))

    assert await lookups.addresses(PLATFORM) == ("192.0.2.2", "2001:db8::1", "192.0.2.1")


@pytest.mark.asyncio
async def test_f40_a_silent_name_server_is_not_waited_for(silence):
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        await Lookups(Names(platform=silence), seconds=0.05).addresses(PLATFORM)


@pytest.mark.asyncio
async def test_f40_a_silent_name_server_holds_up_no_other_name(silence):
    names = Names(silent=silence, platform=["192.0.2.1"])
    lookups = Lookups(names)
    waiting = asyncio.create_task(lookups.addresses("silent.example"))
    await eventually(lambda: names.asked)

    assert await lookups.addresses(PLATFORM) == ("192.0.2.1",)
    waiting.cancel()


@pytest.mark.asyncio
async def test_f40_a_lookup_under_way_is_shared_and_not_begun_again_after_a_timeout(silence):
    names = Names(platform=silence)
    lookups = Lookups(names, seconds=0.05)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await lookups.addresses(PLATFORM)

    answer = asyncio.create_task(lookups.addresses(PLATFORM))
    silence.set()

    assert await answer == ("192.0.2.99",)
    assert names.asked == [PLATFORM]


@pytest.mark.asyncio
async def test_f40_lookups_under_way_are_bounded(silence):
    names = Names(**{f"silent{number}": silence for number in range(MOST_LOOKUPS)}, platform=["192.0.2.1"])
    lookups = Lookups(names)
    waiting = [asyncio.create_task(lookups.addresses(name)) for name in names.meanings if name != PLATFORM]
    await eventually(lambda: len(names.asked) == MOST_LOOKUPS)

    with pytest.raises(OSError, match="32 other names are being looked up"):
        await lookups.addresses(PLATFORM)

    silence.set()
    await asyncio.gather(*waiting)
    assert await lookups.addresses(PLATFORM) == ("192.0.2.1",)


def test_f40_a_lookup_outlives_its_loop_and_keeps_no_process_from_ending(silence):
    async def give_up():
        with pytest.raises(TimeoutError):
            await Lookups(Names(platform=silence), seconds=0.05).addresses(PLATFORM)

    asyncio.run(give_up())

    [thread] = [thread for thread in threading.enumerate() if thread.name == f"look up {PLATFORM}"]
    silence.set()
    thread.join(10)
    assert thread.daemon
    assert not thread.is_alive()
