import asyncio
import time

import pytest

from relay.splicing.gathering import LEAST_READS, PAUSE_SECONDS, TURNS_WITHOUT, Gathering


class Pauses:
    """Counts pauses instead of making them."""

    def __init__(self, loop):
        self.count = 0
        self._loop = loop
        self._gathering = Gathering(loop, self._pause)

    def _pause(self):
        self.count += 1

    def turn(self, reads):
        """One turn of the loop in which so many reads bring several messages; how many pauses followed."""
        before = self.count
        for _ in range(reads):
            self._gathering.read_several()
        one_turn(self._loop)
        return self.count - before


def one_turn(loop):
    """Have ``loop`` call what it is to call next."""
    loop.call_soon(loop.stop)
    loop.run_forever()


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def pauses(loop):
    return Pauses(loop)


def test_reads_that_bring_one_message_each_are_not_gathered(pauses):
    assert [pauses.turn(0) for _ in range(5)] == [0] * 5


def test_there_is_one_pause_a_turn_for_as_long_as_it_brings_enough_reads(pauses):
    assert [pauses.turn(LEAST_READS) for _ in range(100)] == [1] * 100


def test_a_pause_that_brings_too_little_is_not_tried_again_for_some_turns(pauses):
    tried = [pauses.turn(LEAST_READS - 1) for _ in range(3 * (TURNS_WITHOUT + 1))]

    assert tried == 3 * [1, *[0] * TURNS_WITHOUT]


def test_it_goes_on_once_it_pays_again(pauses):
    few = [pauses.turn(1) for _ in range(TURNS_WITHOUT + 1)]

    assert [pauses.turn(LEAST_READS) for _ in range(10)] == [1] * 10
    assert sum(few) == 1


def test_a_pause_takes_time_if_nobody_says_otherwise(loop):
    before_ns = time.monotonic_ns()

    Gathering(loop).read_several()
    one_turn(loop)

    assert time.monotonic_ns() - before_ns >= PAUSE_SECONDS * 1e9
