import time

import pytest

from tests.faults.ground.ledger import Ledger, Received, Verdict

pytestmark = pytest.mark.faults


@pytest.fixture
def ledger():
    """An empty one."""
    return Ledger()


@pytest.fixture
def sent(ledger):
    """Four messages of one sender."""
    return [ledger.next_message("ann", "filler with blanks") for _ in range(4)]


def judged(ledger, messages, after_seconds=0.0):
    received = [Received(message, 1, time.time() + after_seconds) for message in messages]
    return ledger.compare(received, late_seconds=5)


def test_all_that_was_sent_has_come_once_and_in_order(ledger, sent):
    assert judged(ledger, sent) == Verdict()


def test_a_missing_message_is_lost(ledger, sent):
    assert judged(ledger, [*sent[:1], *sent[2:]]) == Verdict(lost=1)


def test_a_sender_of_whom_nothing_came_has_lost_all(ledger, sent):
    assert judged(ledger, []) == Verdict(lost=4)


def test_what_is_missing_at_the_end_of_a_broken_connection_was_on_the_way(ledger, sent):
    ledger.cut("ann")

    assert judged(ledger, sent[:2]) == Verdict()
    assert judged(ledger, [sent[0], sent[2]]) == Verdict(lost=1)


def test_a_message_that_came_twice_is_duplicated(ledger, sent):
    assert judged(ledger, [*sent, sent[1], sent[3]]) == Verdict(duplicated=2)


def test_a_message_that_came_behind_a_later_one_is_reordered(ledger, sent):
    assert judged(ledger, [sent[0], sent[2], sent[1], sent[3]]) == Verdict(reordered=1)


def test_order_matters_for_one_sender_only(ledger, sent):
    other = ledger.next_message("bea")

    assert judged(ledger, [other, *sent]) == judged(ledger, [*sent, other]) == Verdict()


@pytest.mark.parametrize("old", ["ann", "filler", " ", "blanks"])
def test_a_message_that_was_changed_is_corrupted_and_missing(ledger, sent, old):
    changed = sent[0].replace(old, "", 1)

    assert judged(ledger, [changed, *sent[1:]]) == Verdict(corrupted=1, lost=1)


def test_a_message_that_nobody_sent_is_corrupted(ledger, sent):
    stray = Ledger().next_message("nobody")

    assert judged(ledger, [*sent, stray]) == Verdict(corrupted=1)


def test_a_message_that_took_too_long_is_late(ledger, sent):
    assert judged(ledger, sent, after_seconds=6) == Verdict(late=4)


def test_a_message_that_its_library_refused_was_not_sent(ledger, sent):
    ledger.next_message("ann")
    ledger.take_back("ann")

    assert judged(ledger, sent) == Verdict()
