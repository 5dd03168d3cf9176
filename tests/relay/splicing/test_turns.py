import asyncio

import pytest

from relay.splicing.turns import Turns
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
