import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.throttle.fairness import GUARANTEED_PARTS, UNLIMITED, Demand, Priority, share_levels
from relay.throttle.policy import Scope, ZonePolicy
from tests.relay.throttle.fleet import Fleet, flood, run, steady

NORMAL = Priority.NORMAL
demands = st.lists(
    st.builds(
        Demand,
        st.sampled_from(Priority),
        st.integers(1, 100),
        st.one_of(st.just(UNLIMITED), st.floats(0.1, 1000, allow_nan=False)),
    ),
    min_size=1,
    max_size=20,
)


def served(capacity, wanted):
    """What each gets, in the order of ``wanted``."""
    levels = share_levels(capacity, wanted)
    return [min(demand.rate, levels[demand.priority] * demand.weight) for demand in wanted]


def test_those_who_want_all_share_equally():
    assert served(300, [Demand(NORMAL, 1, UNLIMITED)] * 3) == [100, 100, 100]


def test_a_weight_of_two_gets_twice_as_much():
    assert served(300, [Demand(NORMAL, 1, UNLIMITED), Demand(NORMAL, 2, UNLIMITED)]) == [100, 200]


def test_who_wants_less_than_its_share_gets_it_and_leaves_the_rest_to_the_others():
    assert served(300, [Demand(NORMAL, 1, 20), Demand(NORMAL, 1, UNLIMITED), Demand(NORMAL, 1, 90)]) == [20, 190, 90]


def test_where_all_have_what_they_want_one_more_could_have_what_is_left():
    assert share_levels(300, [Demand(NORMAL, 1, 20), Demand(NORMAL, 1, 30)])[NORMAL] == 250


def test_who_is_alone_could_have_everything():
    assert share_levels(300, [])[NORMAL] == 300


def test_the_highest_class_comes_first_but_each_keeps_its_minimum():
    wanted = [Demand(priority, 1, UNLIMITED) for priority in Priority]

    assert served(100, wanted) == [65, 25, 10]


def test_a_class_that_nobody_wants_leaves_its_minimum_to_the_others():
    assert served(100, [Demand(Priority.LOW, 1, UNLIMITED)]) == [100]


def test_a_newcomer_to_a_class_has_that_classs_minimum_at_once():
    assert share_levels(100, [Demand(Priority.HIGH, 1, UNLIMITED)])[Priority.LOW] == 10


@given(st.floats(1, 10_000), demands)
def test_no_more_is_given_than_there_is_and_all_of_it_where_it_is_wanted(capacity, wanted):
    total = sum(served(capacity, wanted))

    assert total == pytest.approx(min(capacity, sum(demand.rate for demand in wanted)))


@given(st.floats(1, 10_000), demands)
def test_nobody_has_more_for_its_weight_than_another_of_its_class_that_wants_more(capacity, wanted):
    gets = served(capacity, wanted)

    for demand, got in zip(wanted, gets, strict=True):
        if got < demand.rate:
            peers = [g / d.weight for d, g in zip(wanted, gets, strict=True) if d.priority is demand.priority]
            assert got / demand.weight == pytest.approx(max(peers))


@given(st.floats(1, 10_000), demands)
def test_each_class_has_its_minimum_where_it_wants_it(capacity, wanted):
    gets = served(capacity, wanted)

    for priority in Priority:
        has = sum(got for demand, got in zip(wanted, gets, strict=True) if demand.priority is priority)
        wants = sum(demand.rate for demand in wanted if demand.priority is priority)
        assert has >= min(wants, GUARANTEED_PARTS[priority] * capacity) * (1 - 1e-9)


@given(st.floats(1, 10_000), demands)
def test_every_level_is_more_than_nothing(capacity, wanted):
    assert all(level > 0 for level in share_levels(capacity, wanted).values())


TENANT = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=400, burst=40, delay=20)
MS = 1_000_000


def test_clients_that_want_more_get_it_by_weight():
    counts = run(Fleet(2, TENANT, 4), [flood("a"), flood("b", 2), flood("c"), flood("d", 4)], seconds=8)

    assert [counts[name] / counts.total() for name in "abcd"] == pytest.approx([1 / 8, 2 / 8, 1 / 8, 4 / 8], rel=0.05)


def test_the_higher_class_comes_first_and_the_lowest_does_not_starve():
    classes = [flood("high", 1, Priority.HIGH), flood("normal"), flood("low", 1, Priority.LOW)]

    counts = run(Fleet(3, TENANT, 3), classes, seconds=8)

    parts = [counts[name] / counts.total() for name in ("high", "normal", "low")]
    assert parts == pytest.approx([0.65, 0.25, 0.10], abs=0.03)


@pytest.mark.parametrize("workers", [1, 4])
def test_fifty_flooding_connections_of_one_client_slow_only_that_client(workers):
    fleet = Fleet(4, TENANT, workers)
    quiet = [fleet.connect(fleet.workers[number % workers], steady(f"s{number}", 30)) for number in range(9)]
    fleet.run(2)
    for worker in fleet.workers:
        fleet.connect(worker, flood("flooder", connections=50 // workers))
    since_ns = fleet.now_ns
    fleet.run(10)

    counts = fleet.counts(since_ns)
    waits_ns = sorted(wait_ns for place in quiet for wait_ns in place.waits_ns)
    assert sum(counts[place.sender.party.client_id] for place in quiet) == pytest.approx(9 * 30 * 10, rel=0.03)
    assert counts.total() >= 0.99 * 400 * 10
    assert waits_ns[int(0.99 * len(waits_ns))] <= 20 * MS
