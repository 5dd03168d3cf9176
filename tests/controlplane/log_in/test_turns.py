import threading
from contextlib import ExitStack

import pytest

from controlplane.log_in.turns import MOST_HASHES, MOST_LOG_INS, MOST_OF_AN_ADDRESS, NoTurn, Rank, Turns

PATIENCE_SECONDS = 20
POLL_SECONDS = 0.002


class Crowd:
    """Threads that want a turn, one after the other; who got one, in which order, and who got none."""

    def __init__(self):
        self.turns = Turns(PATIENCE_SECONDS)
        self.served, self.refused, self.threads = [], [], []

    def come(self, name, asking, rank=Rank.ORDINARY):
        """Join the queue, or be refused."""
        came = len(self.turns), len(self.refused)
        self.threads.append(threading.Thread(target=self._want, args=(name, asking, rank)))
        self.threads[-1].start()
        while (len(self.turns), len(self.refused)) == came:
            self.threads[-1].join(POLL_SECONDS)

    def go(self):
        """Wait until all have been served or refused."""
        for thread in self.threads:
            thread.join(PATIENCE_SECONDS)

    def _want(self, name, asking, rank):
        try:
            with self.turns.turn(asking, rank):
                self.served.append(name)
        except NoTurn:
            self.refused.append(name)


@pytest.fixture
def crowd():
    return Crowd()


@pytest.fixture
def held(crowd):
    """All turns but one, and that one too until ``close`` is called: from then on one is served at a time."""
    with ExitStack() as others:
        for number in range(MOST_HASHES - 1):
            others.enter_context(crowd.turns.turn(f"192.0.2.{number}", Rank.KNOWN))
        with ExitStack() as last:
            last.enter_context(crowd.turns.turn("192.0.2.99", Rank.KNOWN))
            yield last


def test_as_many_compare_as_may_and_the_next_waits_for_one_of_them():
    turns = Turns(wait_seconds=0)
    with ExitStack() as stack:
        for number in range(MOST_HASHES):
            stack.enter_context(turns.turn(f"192.0.2.{number}", Rank.ORDINARY))
        with pytest.raises(NoTurn), turns.turn("192.0.2.9", Rank.ORDINARY):
            pass
    assert len(turns) == 0


def test_an_address_first_place_comes_before_any_address_second(crowd, held):
    for number in range(3):
        crowd.come(f"flood {number}", "198.51.100.1")
    crowd.come("victim", "203.0.113.9")
    held.close()
    crowd.go()

    assert crowd.served == ["flood 0", "victim", "flood 1", "flood 2"]


def test_an_address_holds_no_more_than_its_part(crowd, held):
    for number in range(MOST_OF_AN_ADDRESS + 3):
        crowd.come(number, "198.51.100.1")
    assert len(crowd.refused) == 3

    crowd.come("victim", "203.0.113.9")
    held.close()
    crowd.go()
    assert "victim" in crowd.served


def test_in_a_full_queue_a_first_place_takes_the_room_of_a_second(crowd, held):
    for number in range(MOST_LOG_INS // 2):
        for place in range(2):
            crowd.come(f"{number}.{place}", f"198.51.100.{number}")
    crowd.come("victim", "203.0.113.9")
    held.close()
    crowd.go()

    assert crowd.refused == [f"{MOST_LOG_INS // 2 - 1}.1"]
    assert crowd.served.index("victim") == MOST_LOG_INS // 2


def test_in_a_queue_full_of_first_places_the_next_is_refused_and_nobody_else(crowd, held):
    for number in range(MOST_LOG_INS + 1):
        crowd.come(number, f"198.51.100.{number}")
    held.close()
    crowd.go()

    assert crowd.refused == [MOST_LOG_INS]
    assert crowd.served == list(range(MOST_LOG_INS))


@pytest.mark.parametrize(("flood", "victim"), [(Rank.SLOW, Rank.ORDINARY), (Rank.ORDINARY, Rank.KNOWN)])
def test_who_ranks_higher_comes_first_however_many_addresses_are_before(flood, victim, crowd, held):
    for number in range(MOST_LOG_INS):
        crowd.come(number, f"198.51.100.{number}", flood)
    crowd.come("victim", "203.0.113.9", victim)
    held.close()
    crowd.go()

    assert crowd.served[0] == "victim"
    assert crowd.refused == [MOST_LOG_INS - 1]


def test_accounts_that_are_tried_from_everywhere_never_take_all_turns():
    turns = Turns(wait_seconds=0)
    with turns.turn("198.51.100.1", Rank.SLOW):
        with pytest.raises(NoTurn), turns.turn("198.51.100.2", Rank.SLOW):
            pass
        with turns.turn("203.0.113.9", Rank.ORDINARY):
            assert len(turns) == MOST_HASHES


def test_a_failure_while_it_compares_gives_the_turn_back():
    turns = Turns(wait_seconds=0)
    for _ in range(MOST_HASHES + 1):
        with pytest.raises(InterruptedError), turns.turn("192.0.2.7", Rank.ORDINARY):
            raise InterruptedError

    assert len(turns) == 0
