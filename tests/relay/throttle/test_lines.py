"""Lines in virtual time: who goes on when, what stands in them, and that nobody's failure is another's."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.simulation.agenda import Agenda
from relay.throttle.leases import NOBODY, LeasedZone, Standing
from relay.throttle.lines import MOST_STALE, PACING_QUANTUM_NS, Lines
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Scope, ZonePolicy
from relay.throttle.zone import CLOSED, Zone
from relay.throttle.zones import ZoneKey
from tests.relay.simulation.traces import MS

TEN_A_SECOND = ZonePolicy(name="client", permits=10)
ONE_A_DAY = replace(TEN_A_SECOND, permits=1, period_ns=86_400 * SECOND_NS)
CLOSING = replace(ONE_A_DAY, beyond=Beyond.CLOSE, close_after_waiting_seconds=1)
KEY = ZoneKey(Scope.TENANT, "tenant", "policy", "client")


class Waiting:
    """Somebody with one message, who notes when it was asked."""

    held_bytes = 40

    def __init__(self, ground, zone, *, fails=False):
        self.ground, self.zone, self.fails = ground, zone, fails
        self.throttled_since_ns = 0
        self.held_since_ns = ground.agenda.now_ns
        self.counted_ns = []

    def ask_again(self, now_ns):
        self.ground.asked.append((self, now_ns))
        if self.fails:
            raise ValueError(self)
        self.zone.charge(self.zone.interval_ns, now_ns)

    def count_if_throttled(self, now_ns):
        if self.zone.holds_back(now_ns):
            self.counted_ns.append(now_ns)
            self.throttled_since_ns = self.throttled_since_ns or now_ns


class Rejoining(Waiting):
    """Somebody who is never let go."""

    def ask_again(self, now_ns):
        self.ground.asked.append((self, now_ns))
        self.ground.lines.join(self.zone, self, now_ns)


class Ground:
    """Lines in virtual time. ``asked`` has who was asked and when, ``failed`` whose failure was told."""

    tells_nobody = False

    def __init__(self):
        self.agenda = Agenda(SECOND_NS)
        self.asked, self.failed = [], []
        self.lines = Lines(self._plan, self._fail)

    def _plan(self, at_ns, step):
        return self.agenda.plan(at_ns, lambda: step(self.agenda.now_ns))

    def _fail(self, waiter, error):
        assert error.args == (waiter,)
        self.failed.append(waiter)
        if self.tells_nobody:
            raise error

    def stand(self, zone, *waiters):
        """Have the zone used up and ``waiters`` join its line."""
        if isinstance(zone, Zone):
            zone.charge(zone.interval_ns, self.agenda.now_ns)
        for waiter in waiters:
            self.lines.join(zone, waiter, self.agenda.now_ns)

    def line(self, zone, size):
        """A line of so many."""
        waiters = [Waiting(self, zone) for _ in range(size)]
        self.stand(zone, *waiters)
        return waiters

    def go_on(self, until_ns=0):
        """Let all happen that is planned, or that is planned up to a time."""
        if until_ns:
            self.agenda.go_to(until_ns + 1)
        while not until_ns and self.agenda.go_on():
            pass

    def asked_at_ms(self):
        """When somebody was asked, since the beginning."""
        return [(at_ns - SECOND_NS) / MS for _, at_ns in self.asked]


@pytest.fixture
def ground():
    return Ground()


def _raise(waiter, _now_ns):
    raise ValueError(waiter)


def _leased(policy):
    return LeasedZone(KEY, policy, None, lambda _zone: None)


def test_the_first_is_asked_when_there_is_room_and_then_the_next(ground):
    waiters = ground.line(Zone(TEN_A_SECOND), 3)

    ground.go_on()

    assert [one for one, _ in ground.asked] == waiters
    assert ground.asked_at_ms() == [100, 200, 300]


def test_the_gate_is_closed_as_long_as_somebody_stands_in_line(ground):
    zone = Zone(TEN_A_SECOND)
    [waiting] = ground.line(zone, 1)
    assert (zone.gate_ns, len(ground.lines)) == (CLOSED, 1)

    ground.lines.leave(zone, waiting)

    assert (zone.gate_ns, len(ground.lines)) == (zone.delay_ns, 0)


def test_who_left_is_not_asked(ground):
    zone = Zone(TEN_A_SECOND)
    waiters = ground.line(zone, 3)

    ground.lines.leave(zone, waiters[0])
    ground.lines.leave(zone, waiters[0])
    ground.go_on()

    assert [one for one, _ in ground.asked] == waiters[1:]


def test_an_empty_line_leaves_nothing_planned(ground):
    zone = Zone(TEN_A_SECOND)
    for waiter in ground.line(zone, 3):
        ground.lines.leave(zone, waiter)

    ground.go_on()

    assert ground.asked == []
    ground.lines.leave(zone, waiter)


def test_nobody_is_asked_within_the_quantum(ground):
    ground.line(Zone(replace(TEN_A_SECOND, permits=10_000)), 1)

    ground.go_on()

    assert ground.asked_at_ms() == [PACING_QUANTUM_NS / MS]


def test_who_joins_a_line_twice_stands_at_its_end_once(ground):
    zone = Zone(TEN_A_SECOND)
    first, second = ground.line(zone, 2)

    ground.lines.join(zone, first, ground.agenda.now_ns)
    ground.go_on()

    assert [one for one, _ in ground.asked] == [second, first]


def test_a_version_with_a_higher_rate_wakes_a_line_sooner_at_the_next_join(ground):
    zone = Zone(ONE_A_DAY)
    waiters = ground.line(zone, 3)

    zone.adopt(TEN_A_SECOND, ground.agenda.now_ns)
    ground.lines.leave(zone, waiters[0])
    ground.lines.join(zone, waiters[0], ground.agenda.now_ns)
    ground.go_on()

    assert [one for one, _ in ground.asked] == [*waiters[1:], waiters[0]]
    assert ground.asked_at_ms()[-1] < 1000


def test_who_waited_for_too_long_is_asked_before_its_turn(ground):
    ground.line(Zone(CLOSING), 2)

    ground.go_on()

    assert ground.asked_at_ms()[:2] == [1000, 1000]


def test_each_is_asked_when_its_own_wait_is_too_long_whatever_its_place(ground):
    zone = Zone(CLOSING)
    early, late = Waiting(ground, zone), Waiting(ground, zone)
    late.throttled_since_ns = ground.agenda.now_ns - 500 * MS  # it has stood here before

    ground.stand(zone, early, late)
    ground.go_on()

    assert ground.asked == [(late, SECOND_NS + 500 * MS), (early, 2 * SECOND_NS)]


def test_a_version_that_closes_closes_on_those_who_stand_in_line_already(ground):
    zone = Zone(ONE_A_DAY)
    waiters = ground.line(zone, 3)

    zone.adopt(CLOSING, ground.agenda.now_ns)
    ground.lines.leave(zone, waiters[0])
    ground.lines.join(zone, waiters[0], ground.agenda.now_ns)
    ground.go_on(2 * SECOND_NS)

    assert {one for one, _ in ground.asked} == set(waiters)
    assert ground.asked_at_ms() == [1000] * 3


def test_a_version_that_no_longer_closes_lets_wait(ground):
    zone = Zone(CLOSING)
    ground.line(zone, 2)

    zone.adopt(ONE_A_DAY, ground.agenda.now_ns)
    ground.go_on(3 * SECOND_NS)

    assert ground.asked == []


def test_one_who_joins_again_and_again_takes_no_more_room(ground):
    zone = Zone(CLOSING)
    ground.line(zone, 2)
    again = Rejoining(ground, zone)

    for _ in range(10 * MOST_STALE):
        ground.lines.join(zone, again, ground.agenda.now_ns)
        ground.lines.leave(zone, again)

    [line] = ground.lines._lines.values()  # noqa: SLF001 - memory has no other witness
    assert len(line.closing) <= 2 * 2 + MOST_STALE + 1


@pytest.mark.parametrize(("counted", "permits"), [(Counted.MESSAGES, 1), (Counted.BYTES, 40)])
def test_a_shared_zone_is_told_who_stands_in_its_line(ground, counted, permits):
    zone = _leased(replace(TEN_A_SECOND, counted=counted))
    assert ground.lines.standing(zone) == NOBODY

    waiters = ground.line(zone, 3)
    assert ground.lines.standing(zone) == Standing(permits, 3 * permits, SECOND_NS)

    ground.lines.leave(zone, waiters[1])
    assert ground.lines.standing(zone) == Standing(permits, 2 * permits, SECOND_NS)


@given(steps=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=40), counted=st.sampled_from(Counted))
def test_what_stands_in_a_line_is_what_joined_and_did_not_leave(steps, counted):
    ground, zone = Ground(), LeasedZone(KEY, TEN_A_SECOND, None, lambda _zone: None)
    zone.policy = replace(TEN_A_SECOND, counted=Counted.BYTES if counted is Counted.BYTES else Counted.MESSAGES)
    waiters, inside = [Waiting(ground, zone) for _ in range(5)], {}
    for number, waiter in enumerate(waiters):
        waiter.held_bytes, waiter.held_since_ns = 10 + number, 100 + number

    for number, joins in steps:
        waiter = waiters[number]
        inside.pop(waiter, None)
        if joins:
            ground.lines.join(zone, waiter, SECOND_NS)
            inside[waiter] = None
        else:
            ground.lines.leave(zone, waiter)

    sizes = [zone.permits_for(waiter.held_bytes) for waiter in inside]
    first = next(iter(inside), None)
    expected = Standing(sizes[0], sum(sizes), first.held_since_ns) if first is not None else NOBODY
    assert (ground.lines.standing(zone), len(ground.lines)) == (expected, len(inside))


def test_waking_a_zone_for_which_nobody_waits_does_nothing(ground):
    ground.lines.wake(_leased(TEN_A_SECOND), ground.agenda.now_ns)

    assert ground.asked == []


def test_who_only_waits_for_an_answer_is_throttled_once_it_says_no(ground):
    zone = _leased(TEN_A_SECOND)
    waiters = ground.line(zone, 2)
    assert [one.counted_ns for one in waiters] == [[], []]

    zone._refused = True  # noqa: SLF001 - as an answer without permits leaves it
    for at_ns in (2 * SECOND_NS, 3 * SECOND_NS):
        ground.lines.wake(zone, at_ns)

    assert [one.counted_ns for one in waiters] == [[2 * SECOND_NS]] * 2


def test_who_is_throttled_by_an_answer_is_closed_on_from_then_on(ground):
    zone = _leased(replace(CLOSING, scope=Scope.TENANT))
    waiters = ground.line(zone, 2)
    ground.agenda.go_to(5 * SECOND_NS)

    zone._refused = True  # noqa: SLF001 - as an answer without permits leaves it
    ground.lines.wake(zone, ground.agenda.now_ns)
    for waiter in waiters:
        waiter.zone = Zone(TEN_A_SECOND)  # where it is charged when it is asked
    ground.go_on(6 * SECOND_NS)

    assert ground.asked == [(one, 6 * SECOND_NS) for one in waiters]


def test_one_that_fails_is_told_of_and_the_others_go_on_in_time(ground):
    zone = Zone(TEN_A_SECOND)
    waiters = [Waiting(ground, zone, fails=number in (0, 2)) for number in range(4)]
    ground.stand(zone, *waiters)

    ground.go_on()

    assert [one for one, _ in ground.asked] == waiters
    assert ground.asked_at_ms() == [100, 100, 200, 200]
    assert ground.failed == [waiters[0], waiters[2]]
    assert (len(ground.lines), zone.gate_ns) == (0, zone.delay_ns)


@pytest.mark.parametrize("policy", [CLOSING, replace(TEN_A_SECOND, permits=10_000, burst=9_000, delay=9_000)])
def test_those_who_fail_together_are_told_of_one_by_one(ground, policy):
    zone = Zone(policy)
    waiters = [Waiting(ground, zone, fails=number % 2) for number in range(6)]
    ground.stand(zone, *waiters)

    ground.go_on(2 * SECOND_NS)

    assert [one for one, _ in ground.asked] == waiters
    assert ground.failed == waiters[1::2]
    assert (len(ground.lines), zone.gate_ns) == (0, zone.delay_ns)


def test_one_that_cannot_be_counted_leaves_the_line(ground):
    zone = _leased(TEN_A_SECOND)
    waiters = ground.line(zone, 3)

    waiters[1].count_if_throttled = partial(_raise, waiters[1])
    zone._refused = True  # noqa: SLF001 - as an answer without permits leaves it
    ground.lines.wake(zone, ground.agenda.now_ns)

    assert ground.failed == [waiters[1]]
    assert ground.lines.standing(zone).permits == 2
    assert waiters[2].counted_ns


def test_one_that_cannot_be_counted_when_it_joins_stands_in_no_line(ground):
    zone = Zone(TEN_A_SECOND)
    waiter = Waiting(ground, zone)

    waiter.count_if_throttled = partial(_raise, waiter)
    ground.stand(zone, waiter)

    assert (ground.failed, len(ground.lines), zone.gate_ns) == ([waiter], 0, zone.delay_ns)


def test_one_that_ends_while_it_is_counted_stands_in_no_line(ground):
    zone = Zone(TEN_A_SECOND)
    waiter = Waiting(ground, zone)
    waiter.count_if_throttled = lambda _now_ns: ground.lines.leave(zone, waiter)

    ground.stand(zone, waiter)
    ground.go_on()

    assert (ground.asked, ground.failed, len(ground.lines)) == ([], [], 0)


def test_a_line_goes_on_although_nobody_could_be_told_of_a_failure(ground):
    zone = Zone(TEN_A_SECOND)
    waiters = [Waiting(ground, zone, fails=number == 0) for number in range(3)]
    ground.stand(zone, *waiters)

    ground.tells_nobody = True
    with pytest.raises(ValueError, match="Waiting"):
        ground.go_on()
    ground.go_on()

    assert [one for one, _ in ground.asked] == waiters
    assert len(ground.lines) == 0


def test_an_end_that_takes_others_out_of_the_line_is_no_failure(ground):
    zone = Zone(CLOSING)
    waiters = ground.line(zone, 4)

    def end(now_ns):
        ground.asked.append((waiters[0], now_ns))
        ground.lines.leave(zone, waiters[2])

    waiters[0].ask_again = end
    ground.go_on(2 * SECOND_NS)

    assert [one for one, _ in ground.asked] == [waiters[0], waiters[1], waiters[3]]


def test_nobody_keeps_the_loop_by_joining_again(ground):
    zone = Zone(replace(TEN_A_SECOND, permits=20_000))  # room for one, and not plenty
    waiter = Rejoining(ground, zone)
    ground.stand(zone, waiter)
    ground.agenda.go_on()

    assert len(ground.asked) == 128
