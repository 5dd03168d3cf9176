from dataclasses import FrozenInstanceError

import pytest

from relay.throttle.verdict import PASS, Action, Verdict


def test_actions_are_ordered_by_severity():
    assert sorted(Action, reverse=True) == [Action.CLOSE, Action.REJECT, Action.WAIT, Action.PASS]


def test_the_stricter_of_two_verdicts_is_the_greater():
    short, long = Verdict(Action.WAIT, 1, "client"), Verdict(Action.WAIT, 2, "client")
    rejected, closed = Verdict(Action.REJECT, 1, "client"), Verdict(Action.CLOSE, 0, "client")

    assert PASS < short < long < rejected < closed


def test_a_pass_says_nothing_else():
    assert Verdict(Action.PASS, wait_ns=0, zone="", reserved=False) == PASS


def test_a_verdict_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        PASS.wait_ns = 1
