"""Shared limits over fleets of workers in virtual time: a seed that fails repeats."""

from dataclasses import replace

import pytest

from relay.throttle.policy import LEASE_SECONDS, Scope, ZonePolicy
from tests.relay.throttle.fleet import MS, Fleet, flood, most_over, run, steady

TENANT = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=400, burst=40, delay=20)
SLOW = ZonePolicy(name="slow", scope=Scope.TENANT, permits=5)
WIDE = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=20_000, burst=2_000, delay=1_000)
WORKERS, STEADY = 1_000, 9_000
SETTLE_SECONDS, CALM_SECONDS = 4, 20


def over(fleet):
    """By how much a window is beyond the promise, apart from what workers granted themselves in it."""
    times_ns = [time_ns for time_ns, _ in fleet.passed]
    slack = LEASE_SECONDS * fleet.policy.permits * 1e9 / fleet.policy.period_ns
    return most_over(times_ns, fleet.policy, slack, fleet.granted_alone)


def flood_each_worker(fleet):
    """A client of its own floods each."""
    for number, worker in enumerate(fleet.workers):
        fleet.connect(worker, flood(f"c{number}"))


@pytest.mark.parametrize(("burst", "delay"), [(40, 40), (40, 20), (40, 0), (0, 0)])
@pytest.mark.parametrize("workers", [1, 4])
def test_l8_several_workers_carry_the_rate_of_one_zone_and_never_more(workers, burst, delay):
    fleet = Fleet(workers + burst, replace(TENANT, burst=burst, delay=delay), workers)

    counts = run(fleet, [flood(name) for name in "abcd"], seconds=5)

    assert over(fleet) <= 0
    assert len(fleet.passed) <= 400 * 6 + burst + 1
    assert sum(counts.values()) >= 0.99 * 400 * 5


def test_l8_a_slow_zone_is_carried_by_four_workers_too():
    fleet = Fleet(1, replace(SLOW, permits=5), 4)

    run(fleet, [flood(name) for name in "abcd"], seconds=60)

    assert 0.99 * 5 * 61 <= len(fleet.passed) <= 5 * 61 + 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_stalls_deaths_and_lost_answers_no_window_is_over_but_by_what_workers_granted_themselves(seed):
    fleet = Fleet(seed, TENANT, 6, lost=0.01, late=0.01)
    flood_each_worker(fleet)
    for _ in range(5):
        fleet.run(1)
        fleet.workers[fleet.random.randrange(6)].stalled_until_ns = fleet.now_ns + 700 * MS
    fleet.workers[0].is_dead = True
    fleet.run(3)

    assert fleet.granted_alone
    assert over(fleet) <= 0


def test_f10_a_store_that_restarts_empty_lets_no_second_burst_pass():
    fleet = Fleet(5, TENANT, 4)
    flood_each_worker(fleet)
    fleet.run(2)
    fleet.restart_store_empty(1.0)
    fleet.run(4)

    assert over(fleet) <= 0


def test_f8_after_two_seconds_without_the_store_the_rate_goes_on_at_once():
    fleet = Fleet(6, TENANT, 4)
    flood_each_worker(fleet)
    fleet.run(3)
    fleet.store_is_away_until_ns = fleet.now_ns + 2_000 * MS
    fleet.run(5)

    assert fleet.granted_alone
    assert over(fleet) <= 0
    for second in range(1, 8):
        since_ns = fleet.now_ns - second * 1_000 * MS
        passed = sum(since_ns <= time_ns < since_ns + 1_000 * MS for time_ns, _ in fleet.passed)
        assert passed >= 0.75 * 400  # who is back first has the whole rate, until the others are


@pytest.mark.parametrize("seconds", [2, 6, 12])
@pytest.mark.parametrize("workers", [1, 4])
def test_f9_after_the_store_hung_the_rate_is_back_within_a_second_although_what_lay_in_it_is_done_then(
    workers, seconds
):
    fleet = Fleet(seconds, TENANT, workers)
    flood_each_worker(fleet)
    fleet.connect(fleet.workers[0], flood("another"))
    fleet.run(3)
    fleet.hang_store(seconds)
    fleet.run(seconds + 1)
    since_ns = fleet.now_ns
    fleet.run(2)

    assert fleet.granted_alone
    assert over(fleet) <= 0
    assert fleet.counts(since_ns).total() >= 0.95 * 400 * 2


def test_one_seed_is_one_history():
    histories = [Fleet(7, TENANT, 3, lost=0.02) for _ in range(2)]
    for fleet in histories:
        run(fleet, [flood(name) for name in "abc"], seconds=2)

    assert histories[0].passed == histories[1].passed


class Thousands:
    """A thousand workers, on each a flood, and nine thousand clients of about one message a second somewhere."""

    def __init__(self, seed, **faults):
        self.fleet = Fleet(seed, WIDE, WORKERS, **faults)
        random = self.fleet.random
        self.floods = [flood(f"flood{n}", random.choice((1, 2, 4)), connections=3) for n in range(WORKERS)]
        for worker, sender in zip(self.fleet.workers, self.floods, strict=True):
            self.fleet.connect(worker, sender)
        self.quiet = [self.fleet.connect(random.choice(self.fleet.workers), steady(f"s{n}", 1)) for n in range(STEADY)]
        self.fleet.run(SETTLE_SECONDS)

    def measured(self, seconds):
        """Let time pass; gives how much of the rate was used, and what each flood got of its share, by its weight."""
        since_ns = self.fleet.now_ns
        self.fleet.run(seconds)
        counts = self.fleet.counts(since_ns)
        alive = [sender for worker, sender in zip(self.fleet.workers, self.floods, strict=True) if not worker.is_dead]
        got = {sender: counts[sender.party.client_id] / sender.party.weight for sender in alive}
        level = sum(counts[sender.party.client_id] for sender in alive) / sum(s.party.weight for s in alive)
        shares = {weight: [] for weight in (1, 2, 4)}
        for sender, of_weight in got.items():
            shares[sender.party.weight].append(of_weight / level)
        return counts.total() / (WIDE.permits * seconds), shares


@pytest.mark.conformance
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [101])
def test_l8_a_thousand_workers_use_one_limit_up_share_it_fairly_and_never_exceed_it(seed, told):
    all_of_them = Thousands(seed)
    sent = sum(place.sent for place in all_of_them.quiet)
    used, shares = all_of_them.measured(CALM_SECONDS)

    served = (sum(place.sent for place in all_of_them.quiet) - sent) / (STEADY * CALM_SECONDS)
    least, most = min(map(min, shares.values())), max(map(max, shares.values()))
    told(f"seed {seed}: used {used:.4f}, the quiet got {served:.4f}, floods {least:.3f} to {most:.3f} of their shares")
    assert over(all_of_them.fleet) <= 0
    assert used >= 0.99
    assert served >= 0.99
    assert 0.95 <= least <= most <= 1.05


@pytest.mark.conformance
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [202])
def test_f1_f9_f10_f53_a_thousand_workers_stay_in_bounds_through_all_that_goes_wrong(seed, told):
    all_of_them = Thousands(seed, lost=0.0005, late=0.0005)
    fleet = all_of_them.fleet

    for _ in range(8):
        for _ in range(20):
            fleet.random.choice(fleet.workers).stalled_until_ns = fleet.now_ns + fleet.random.randrange(3_000 * MS)
        fleet.random.choice(fleet.workers).is_dead = True
        fleet.run(1)
    fleet.restart_store_empty(1.0)
    fleet.run(1 + SETTLE_SECONDS)
    used, shares = all_of_them.measured(CALM_SECONDS)

    of_weights = [sum(of_weight) / len(of_weight) for of_weight in shares.values()]
    alone = sum(permits for _, permits in fleet.granted_alone)
    told(f"seed {seed}: {-over(fleet):.0f} below the bound, {alone} granted alone, used {used:.4f}, {of_weights}")
    assert alone
    assert over(fleet) <= 0
    assert used >= 0.99
    assert 0.95 <= min(of_weights) <= max(of_weights) <= 1.05
