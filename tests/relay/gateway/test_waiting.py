"""Lines: who waits for a zone, in which order, and who wakes them."""

import asyncio
import time
from dataclasses import replace

import pytest
import pytest_asyncio

from relay.gateway.waiting import WaitingRoom
from relay.throttle.limiter import Limiter
from relay.throttle.policy import SECOND_NS, Beyond, ZonePolicy
from relay.throttle.verdict import Action
from relay.throttle.zone import Zone
from tests.relay.eventually import eventually

pytestmark = pytest.mark.asyncio

FAST = ZonePolicy(name="client", permits=200)
ONE_A_DAY = replace(FAST, permits=1, period_ns=86_400 * SECOND_NS)


class Waiting:
    """Somebody with one message, who notes when it may go."""

    def __init__(self, name, room, zone, gone):
        self.name, self.room, self.zone, self.gone = name, room, zone, gone
        self.throttled_since_ns = time.monotonic_ns()

    def ask_again(self, now_ns):
        if self.zone.has_room(now_ns):
            self.zone.charge(self.zone.interval_ns, now_ns)
            self.gone.append(self.name)
        else:
            self.room.join(self.zone, self)


@pytest_asyncio.fixture
async def room():
    return WaitingRoom(asyncio.get_running_loop())


def line(room, zone, names):
    gone = []
    waiting = [Waiting(name, room, zone, gone) for name in names]
    Limiter([zone]).admit(time.monotonic_ns())
    for one in waiting:
        room.join(zone, one)
    return waiting, gone


async def test_those_who_wait_go_in_the_order_in_which_they_came(room):
    _, gone = line(room, Zone(FAST), "abcd")

    await eventually(lambda: len(gone) == 4)

    assert gone == ["a", "b", "c", "d"]
    assert len(room) == 0


async def test_newcomers_are_sent_to_the_end_while_somebody_waits(room):
    zone = Zone(FAST)
    _, gone = line(room, zone, "a")

    assert not Limiter([zone]).admit(zone.opens_at_ns()).reserved
    assert Limiter([zone]).admit(zone.opens_at_ns()).zone == "client"
    await eventually(lambda: gone == ["a"])
    assert Limiter([zone]).admit(zone.opens_at_ns()).zone == ""


async def test_who_leaves_is_not_asked_and_opens_the_gate_when_last(room):
    zone = Zone(ONE_A_DAY)
    waiting, gone = line(room, zone, "ab")

    for one in waiting:
        room.leave(zone, one)

    assert (len(room), gone) == (0, [])
    assert zone.gate_ns == zone.delay_ns


async def test_a_version_with_a_higher_rate_frees_a_line_that_would_have_waited_for_a_day(room):
    zone = Zone(ONE_A_DAY)
    waiting, gone = line(room, zone, "abc")

    zone.adopt(FAST, time.monotonic_ns())
    for one in waiting:  # as sessions do when they adopt a version
        room.leave(zone, one)
        one.ask_again(time.monotonic_ns())

    await eventually(lambda: sorted(gone) == ["a", "b", "c"])


class Closing(Waiting):
    """Somebody whose zone closes on those who wait for too long."""

    def ask_again(self, now_ns):
        verdict = Limiter([self.zone]).admit_waiting(now_ns, 0, self.throttled_since_ns, self.throttled_since_ns)
        self.gone.append(verdict.action)


async def test_who_has_waited_for_too_long_is_closed_before_its_turn(room):
    zone = Zone(replace(ONE_A_DAY, beyond=Beyond.CLOSE, close_after_waiting_seconds=1))
    Limiter([zone]).admit(time.monotonic_ns())
    gone = []

    for name in "ab":
        room.join(zone, Closing(name, room, zone, gone))

    await eventually(lambda: gone == [Action.CLOSE] * 2)
    assert len(room) == 0
