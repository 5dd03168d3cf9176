from dataclasses import replace

import pytest

from relay.simulation import lines as simulated
from relay.simulation.agenda import Agenda
from relay.simulation.lines import PACING_QUANTUM_NS, Lines
from relay.splicing import waiting
from relay.throttle.leases import NOBODY, LeasedZone, Standing
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Scope, ZonePolicy
from relay.throttle.zone import CLOSED, Zone
from relay.throttle.zones import ZoneKey
from tests.relay.simulation.traces import MS

TEN_A_SECOND = ZonePolicy(name="client", permits=10)
CLOSING = replace(TEN_A_SECOND, period_ns=86_400 * SECOND_NS, beyond=Beyond.CLOSE, close_after_waiting_seconds=1)
KEY = ZoneKey(Scope.TENANT, "tenant", "policy", "client")


class Waiting:
    """Somebody with one message, who notes when it was asked."""

    held_bytes = 40

    def __init__(self, agenda, zone, asked):
        self.agenda, self.zone, self.asked = agenda, zone, asked
        self.throttled_since_ns = self.held_since_ns = agenda.now_ns

    def ask_again(self):
        self.asked.append(self.agenda.now_ns)
        self.zone.charge(self.zone.interval_ns, self.agenda.now_ns)


@pytest.fixture
def agenda():
    return Agenda(SECOND_NS)


@pytest.fixture
def lines(agenda):
    return Lines(agenda)


def _nobody_asks(zone):
    pass


def _line(lines, agenda, zone, size):
    zone.charge(zone.interval_ns, agenda.now_ns)
    asked = []
    waiting = [Waiting(agenda, zone, asked) for _ in range(size)]
    for one in waiting:
        lines.join(zone, one)
    return waiting, asked


def _go_on(agenda):
    while agenda.go_on():
        pass


def test_the_first_is_asked_when_there_is_room_and_then_the_next(lines, agenda):
    _, asked = _line(lines, agenda, Zone(TEN_A_SECOND), 3)

    _go_on(agenda)

    assert asked == [SECOND_NS + n * 100 * MS for n in (1, 2, 3)]


def test_the_gate_is_closed_as_long_as_somebody_stands_in_line(lines, agenda):
    zone = Zone(TEN_A_SECOND)
    [waiting], _ = _line(lines, agenda, zone, 1)
    assert zone.gate_ns == CLOSED

    lines.leave(zone, waiting)

    assert zone.gate_ns == zone.delay_ns


def test_who_left_is_not_asked(lines, agenda):
    zone = Zone(TEN_A_SECOND)
    waiting, asked = _line(lines, agenda, zone, 3)

    lines.leave(zone, waiting[0])
    lines.leave(zone, waiting[0])
    _go_on(agenda)

    assert len(asked) == 2


def test_nobody_is_asked_within_the_quantum(lines, agenda):
    _, asked = _line(lines, agenda, Zone(replace(TEN_A_SECOND, permits=10_000)), 1)

    _go_on(agenda)

    assert asked == [SECOND_NS + PACING_QUANTUM_NS]


def test_who_waited_for_too_long_is_asked_before_its_turn(lines, agenda):
    _, asked = _line(lines, agenda, Zone(CLOSING), 2)

    _go_on(agenda)

    assert asked[:2] == [2 * SECOND_NS] * 2


@pytest.mark.parametrize(("counted", "permits"), [(Counted.MESSAGES, 1), (Counted.BYTES, 40)])
def test_a_shared_zone_is_told_who_stands_in_its_line(lines, agenda, counted, permits):
    zone = LeasedZone(KEY, replace(TEN_A_SECOND, counted=counted), None, _nobody_asks)
    assert lines.standing(zone) == NOBODY

    for _ in range(3):
        lines.join(zone, Waiting(agenda, zone, []))

    assert lines.standing(zone) == Standing(permits, 3 * permits, SECOND_NS)


def test_waking_a_zone_for_which_nobody_waits_does_nothing(lines):
    lines.wake(LeasedZone(KEY, TEN_A_SECOND, None, _nobody_asks))


def test_lines_are_paced_as_the_relays_are():
    assert PACING_QUANTUM_NS == waiting.PACING_QUANTUM_SECONDS * SECOND_NS
    assert (simulated.MOST_A_TURN, simulated.MOST_LOOKED_AT) == (waiting.MOST_A_TURN, waiting.MOST_LOOKED_AT)
