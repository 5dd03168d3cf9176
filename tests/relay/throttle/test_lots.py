import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.throttle.granting import Grant
from relay.throttle.leases import LeasedZone
from relay.throttle.limiter import Limiter
from relay.throttle.lots import LEASE_NS, NEVER_NS, Lot
from relay.throttle.policy import Scope, ZonePolicy
from relay.throttle.zones import ZoneKey

ASKED_NS = 7_000_000
MS = 1_000_000
POLICY = ZonePolicy(name="z", scope=Scope.TENANT, permits=1_000, burst=100, delay=100)
START_NS = 10 * LEASE_NS
ZONES = 2


def leased():
    return LeasedZone(ZoneKey(Scope.TENANT, "t", "p", "z"), POLICY, None, lambda _: None)


def holding(permits, opens_in_us=0):
    zone = leased()
    zone.take(Grant(permits, opens_in_us, 0, is_contended=False), START_NS, START_NS)
    return zone


@pytest.mark.parametrize("begun_ns", [ASKED_NS, ASKED_NS + LEASE_NS // 2])
def test_a_lot_ends_when_it_was_said_to_however_late_it_is_begun(begun_ns):
    assert Lot(5, ASKED_NS, ASKED_NS + LEASE_NS).ends_ns(begun_ns) == ASKED_NS + LEASE_NS


@pytest.mark.parametrize(
    ("begun_ns", "ends_ns"),
    [
        (ASKED_NS + LEASE_NS // 2, ASKED_NS + LEASE_NS // 2 + LEASE_NS),
        (ASKED_NS + LEASE_NS, ASKED_NS + 2 * LEASE_NS),
        (ASKED_NS + LEASE_NS + 1, ASKED_NS + 2 * LEASE_NS),
    ],
)
def test_a_reserve_lasts_from_when_it_is_begun_but_no_longer_than_if_the_rest_had_ended_in_time(begun_ns, ends_ns):
    assert Lot(5, ASKED_NS, ASKED_NS + 2 * LEASE_NS, is_reserve=True).ends_ns(begun_ns) == ends_ns


def test_a_lot_that_is_open_is_ready_until_it_ends():
    zone = holding(5, opens_in_us=-4_000)

    assert zone.make_ready(START_NS) == START_NS + LEASE_NS
    assert (zone.ready, zone.permits, zone.spent) == (5, 0, 0)


def test_a_lot_is_ready_when_the_last_of_it_is_open_and_not_before():
    zone = holding(5)

    assert zone.make_ready(START_NS + 4 * MS - 1) == NEVER_NS
    assert zone.ready == 0
    assert zone.make_ready(START_NS + 4 * MS) == START_NS + LEASE_NS
    assert zone.ready == 5


def test_nothing_is_ready_while_somebody_stands_in_line():
    zone = holding(5, opens_in_us=-4_000)
    zone.make_ready(START_NS)

    zone.close_gate()

    assert (zone.ready, zone.permits) == (0, 5)
    assert zone.make_ready(START_NS) == NEVER_NS
    zone.open_gate()
    assert zone.make_ready(START_NS) == START_NS + LEASE_NS


def test_a_later_lot_that_ends_sooner_is_not_made_ready():
    zone = holding(1)
    zone.make_ready(START_NS)
    zone.take(Grant(1, 0, 0, is_contended=False), START_NS - 1, START_NS)
    limiter = Limiter([zone])

    assert limiter.admit_run(START_NS, 1)
    assert zone.make_ready(START_NS) == NEVER_NS
    assert not limiter.admit_run(START_NS + LEASE_NS - 1, 1)


WAITS_NS = st.sampled_from([0, 0, 0, 0, 1, MS, 10 * MS, LEASE_NS // 2, LEASE_NS - 1, LEASE_NS])
LATE_NS = st.sampled_from([0, 0, 1, MS, LEASE_NS // 2, LEASE_NS - 1])
GRANTS = st.tuples(st.just("grant"), st.integers(0, ZONES - 1), st.integers(1, 30), st.integers(-40, 20), LATE_NS)
RUNS = st.tuples(st.just("run"), st.integers(0, 2), st.integers(1, 6))
GATES = st.tuples(st.just("gate"), st.integers(0, ZONES - 1), st.booleans())
HISTORIES = st.lists(st.tuples(WAITS_NS, st.one_of(GRANTS, GRANTS, RUNS, RUNS, GATES)), min_size=10, max_size=60)


class LookedAtEachTime:
    """Leases whose permits' times are looked at for each run, which is what ready ones must come to."""

    def __init__(self):
        self.zones = [leased() for _ in range(ZONES)]

    def admit_run(self, now_ns, messages):
        rooms = [zone.room(now_ns, messages) for zone in self.zones]
        if min(rooms) < messages:
            return False
        for zone in self.zones:
            zone.spend(now_ns, messages)
        return True


@given(HISTORIES)
def test_what_is_ready_passes_when_and_only_when_its_times_allow_it_whoever_asks(history):
    zones, twin, now_ns = [leased() for _ in range(ZONES)], LookedAtEachTime(), START_NS
    limiters = [Limiter(zones), Limiter(zones), Limiter(zones[::-1])]
    for passes_ns, (event, which, *details) in history:
        now_ns += passes_ns
        if event == "run":
            assert limiters[which].admit_run(now_ns, details[0]) is twin.admit_run(now_ns, details[0])
        for zone in (zones[which], twin.zones[which]) if event != "run" else ():
            if event == "grant":
                permits, opens_in_ms, late_ns = details
                zone.take(Grant(permits, opens_in_ms * 1_000, 0, is_contended=False), now_ns - late_ns, now_ns)
            else:
                (zone.close_gate if details[0] else zone.open_gate)()
        assert [zone.spent for zone in zones] == [zone.spent for zone in twin.zones]
