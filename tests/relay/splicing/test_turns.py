import asyncio

import pytest

from relay.splicing.turns import Turns
from relay.telemetry.defects import defects
from tests.relay.eventually import eventually

pytestmark = pytest.mark.asyncio


async def test_each_turn_of_the_loop_is_ones_in_the_order_in_which_they_came():
    loop, told = asyncio.get_running_loop(), []
    turns = Turns(loop)

    def note_the_turns_end():
        told.append("|")
        if len(told) < 6:
            loop.call_soon(note_the_turns_end)

    for name in "abc":
        turns.join(lambda name=name: told.append(name))
    loop.call_soon(note_the_turns_end)

    await eventually(lambda: len(told) == 6)
    assert told == ["a", "|", "b", "|", "c", "|"]


async def test_who_comes_again_stands_behind_the_others():
    told, turns = [], Turns(asyncio.get_running_loop())

    def go_and_come_again():
        told.append("first")
        if len(told) == 1:
            turns.join(go_and_come_again)

    turns.join(go_and_come_again)
    turns.join(lambda: told.append("second"))

    await eventually(lambda: len(told) == 3)
    assert told == ["first", "second", "first"]


async def test_a_turn_that_fails_is_counted_and_the_others_have_theirs():
    told, turns, before = [], Turns(asyncio.get_running_loop()), defects().get("turn", 0)

    def fail():
        raise ValueError("a defect")

    for go in (fail, lambda: told.append("second"), fail, lambda: told.append("fourth")):
        turns.join(go)

    await eventually(lambda: told == ["second", "fourth"])
    assert defects()["turn"] == before + 2
