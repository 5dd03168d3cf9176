import pytest

from relay.simulation.events import AT_ONCE_NS, Outcome, Result, went_on
from relay.throttle.policy import ZoneSource
from tests.relay.simulation.traces import MS, event

ZONE = ZoneSource("policy", 1, "client")


WAITS = [(0, Result.PASSED), (AT_ONCE_NS - 1, Result.PASSED), (AT_ONCE_NS, Result.WAITED)]


@pytest.mark.parametrize(("wait_ns", "result"), WAITS)
def test_what_the_relay_needs_for_its_own_work_is_no_wait(wait_ns, result):
    came = event()

    assert went_on(came, came.at_ns + wait_ns, ZONE).result is result


def test_only_what_waited_names_the_zone_that_held_it():
    came = event()

    assert went_on(came, came.at_ns, ZONE).zone is None
    assert went_on(came, came.at_ns + 100 * MS, ZONE) == Outcome(came, Result.WAITED, came.at_ns + 100 * MS, ZONE)


def test_a_wait_is_told_from_when_it_came():
    came = event(at_ms=40)

    assert went_on(came, came.at_ns + 7 * MS, ZONE).wait_ns == 7 * MS
