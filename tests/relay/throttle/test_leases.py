import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.throttle.granting import Grant, SharedBucket
from relay.throttle.leases import NOBODY, RENEW_NS, US_NS, LeasedZone, Standing
from relay.throttle.limiter import Limiter
from relay.throttle.lots import FAR_NS, LEASE_NS
from relay.throttle.policy import SECOND_NS, Counted, Scope, ZonePolicy
from relay.throttle.verdict import PASS, Action
from relay.throttle.zones import ZoneKey

MS = 1_000_000
KEY = ZoneKey(Scope.TENANT, "t1", "p1", "tenant")
TENANT = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=400, burst=40, delay=20)
BYTES = ZonePolicy(name="bytes", scope=Scope.TENANT, counted=Counted.BYTES, permits=1_000, burst=500, delay=500)
SLOW = ZonePolicy(name="slow", scope=Scope.TENANT, permits=5)


def leased(policy=TENANT, *, asking=None):
    """A zone without permits; ``asking`` collects who lacks some."""
    return LeasedZone(KEY, policy, None, (asking if asking is not None else []).append)


def holding(permits, opens_in_us=0, policy=TENANT, now_ns=0):
    """A zone with a lot of permits."""
    zone = leased(policy)
    zone.take(Grant(permits, opens_in_us, 0, is_contended=False), now_ns, now_ns)
    return zone


def test_without_permits_a_message_waits_and_permits_are_asked_for():
    asking = []
    zone = leased(asking=asking)

    verdict = Limiter([zone]).admit(now_ns=0)

    assert (verdict.action, verdict.zone, verdict.reserved) == (Action.WAIT, "tenant", False)
    assert asking == [zone]
    assert zone.ask(0, NOBODY).first == 1


def test_permits_that_are_here_are_spent_without_asking_anybody():
    limiter = Limiter([zone := holding(3)])

    verdicts = [limiter.admit(now_ns=10 * MS).action for _ in range(4)]

    assert verdicts == [Action.PASS] * 3 + [Action.WAIT]
    assert zone.spent == 3


def test_permits_open_one_after_the_other_at_the_rate():
    limiter = Limiter([holding(3, opens_in_us=1_000)])

    assert limiter.admit(1 * MS - 1).action is Action.WAIT
    assert limiter.admit(1 * MS) is PASS
    assert limiter.admit(1 * MS).wait_ns == 2_500_000
    assert limiter.admit(3_500_000) is PASS


def test_a_permit_is_given_up_a_tenth_of_a_second_after_it_was_asked_for():
    zone = leased()
    zone.take(Grant(2, 0, 0, is_contended=False), 0, 40 * MS)

    assert Limiter([zone]).admit(LEASE_NS - 1) is PASS
    assert Limiter([zone]).admit(LEASE_NS).action is Action.WAIT
    assert zone.spent == 1


def test_a_message_is_charged_in_all_zones_or_in_none():
    full, empty = holding(5), leased()

    assert Limiter([full, empty]).admit(0).action is Action.WAIT
    assert full.permits == 5


def test_all_zones_that_lack_permits_are_asked_at_once():
    asking = []

    Limiter([leased(asking=asking), holding(1), leased(asking=asking)]).admit(0)

    assert len(asking) == 2


def test_while_somebody_stands_in_line_newcomers_stand_behind_and_the_first_goes_on():
    zone = holding(5, opens_in_us=-10_000)
    zone.close_gate()

    assert Limiter([zone]).admit(0).action is Action.WAIT
    assert Limiter([zone]).admit_waiting(0, 0, 0, 0) is PASS
    zone.open_gate()
    assert Limiter([zone]).admit(0) is PASS


def test_a_run_passes_whole_or_not_at_all():
    zone = holding(5, opens_in_us=-100_000)
    limiter = Limiter([zone])

    assert not limiter.admit_run(0, 6)
    assert limiter.room(0, 9) == 5
    assert limiter.admit_run(0, 5)
    assert zone.permits == 0


def test_lots_are_spent_in_the_order_in_which_they_came():
    zone = holding(1)
    zone.take(Grant(2, 0, 0, is_contended=False), 50 * MS, 50 * MS)
    limiter = Limiter([zone])

    assert [limiter.admit(51 * MS).action for _ in range(3)] == [Action.PASS, Action.PASS, Action.WAIT]
    assert limiter.admit(53 * MS) is PASS


def test_a_large_message_takes_permits_of_several_lots():
    zone = holding(600, policy=BYTES)
    zone.take(Grant(600, 0, 0, is_contended=False), 0, 0)

    assert Limiter([zone]).admit(0, size_bytes=1_000) is PASS
    assert zone.permits == 200


def test_an_empty_message_takes_no_bytes():
    assert Limiter([leased(BYTES)]).admit(0, size_bytes=0) is PASS


def test_a_slow_zone_is_asked_for_each_message():
    zone = leased(SLOW)
    zone.lack(0)
    zone.lack(0)

    ask = zone.ask(0, Standing(1, 2, 0))

    assert not zone.is_leased
    assert (ask.first, ask.wanted) == (1, 1)


def test_what_is_on_its_way_is_not_asked_for_again():
    zone = holding(2, opens_in_us=5_000)
    zone.lack(0)

    assert zone.due_ns(0, Standing(1, 2, 0)) > 0
    assert zone.ask(0, Standing(1, 2, 0)).wanted == 0


def test_who_was_told_when_to_come_back_does_not_ask_before():
    zone = leased()
    zone.lack(0)
    zone.take(Grant(0, 0, 7_000, is_contended=True), 0, 1 * MS)

    assert zone.due_ns(2 * MS, Standing(1, 1, 0)) == 8 * MS


def in_use(grant):
    """A zone that spends 333 a second, and got ``grant`` at 110 ms, when what it had before had ended."""
    zone = holding(60)
    for at_ms in range(0, 90, 3):
        assert Limiter([zone]).admit(at_ms * MS) is PASS
    assert zone.ask(110 * MS, NOBODY).wanted > 20
    zone.take(grant, 110 * MS, 110 * MS)
    return zone


def test_demand_is_asked_for_in_advance_and_renewed_before_the_lease_ends():
    zone = in_use(Grant(40, -1_000_000, 0, is_contended=True))

    assert zone.due_ns(120 * MS, NOBODY) == 200 * MS
    assert 0 < zone.ask(200 * MS, NOBODY).wanted < 10


def test_a_lease_is_renewed_the_sooner_the_longer_answers_take():
    zone = in_use(Grant(40, -1_000_000, 0, is_contended=True))

    sooner_ns = []
    for answer_ns in (20 * MS, MS, MS):
        zone.take(Grant(40, -1_000_000, 0, is_contended=True), 120 * MS, 120 * MS + answer_ns)
        sooner_ns.append(120 * MS + LEASE_NS - RENEW_NS - zone.due_ns(140 * MS, NOBODY))

    assert sooner_ns == [40 * MS, 30 * MS, 22_500_000]


def test_where_there_is_plenty_a_reserve_begins_when_the_rest_has_ended_and_lasts_as_long():
    zone = in_use(Grant(40, -1_000_000, 0, is_contended=False))
    limiter = Limiter([zone])

    assert zone.due_ns(120 * MS, NOBODY) == 300 * MS
    assert limiter.admit(210 * MS) is PASS
    assert limiter.admit(310 * MS - 1) is PASS
    assert limiter.admit(310 * MS).action is Action.WAIT
    assert zone.spent == 32


def test_a_reserve_that_is_needed_early_ends_early():
    zone = in_use(Grant(40, -1_000_000, 0, is_contended=False))
    limiter = Limiter([zone])

    assert [limiter.admit(120 * MS) for _ in range(30)] == [PASS] * 30
    assert limiter.admit(220 * MS - 1) is PASS
    assert limiter.admit(220 * MS).action is Action.WAIT


@pytest.mark.parametrize("grant", [Grant(40, -1_000, 0, is_contended=False), Grant(40, -(10**6), 0, is_contended=True)])
def test_there_is_no_reserve_of_permits_that_open_later_or_that_others_want(grant):
    assert in_use(grant).due_ns(120 * MS, NOBODY) == 200 * MS


def test_a_zone_in_which_nothing_happens_asks_for_nothing_and_is_idle():
    zone = holding(3)

    assert zone.due_ns(LEASE_NS + 1, NOBODY) == FAR_NS
    assert zone.is_idle


def test_another_version_gives_up_permits_that_had_the_former_ones_rate():
    asking = []
    zone = leased(SLOW, asking=asking)
    zone.take(Grant(0, 0, 3_600_000_000, is_contended=True), 0, 0)
    zone.close_gate()

    zone.adopt(TENANT)

    assert zone.due_ns(1, Standing(1, 1, 0)) < 1
    assert asking == [zone]
    assert zone.interval_ns == 2_500_000


@pytest.mark.parametrize("permits", [79, 80])
def test_a_zone_is_leased_from_eight_permits_a_lease_on(permits):
    assert leased(ZonePolicy(name="z", scope=Scope.TENANT, permits=permits)).is_leased is (permits == 80)


@given(
    st.lists(st.tuples(st.integers(0, 30 * MS), st.integers(0, 40), st.booleans()), max_size=60),
    st.sampled_from([TENANT, SLOW, ZonePolicy(name="fast", scope=Scope.TENANT, permits=5_000, burst=100)]),
)
def test_never_is_more_spent_than_was_granted_nor_after_its_time_nor_before(history, policy):
    zone, bucket, now_ns, opened = leased(policy), SharedBucket(), SECOND_NS, []
    limiter, spent = Limiter([zone]), 0
    for passes_ns, messages, asks in history:
        now_ns += passes_ns
        for _ in range(messages):
            if limiter.admit(now_ns) is PASS:
                spent += 1
                assert any(opens_ns <= now_ns < ends_ns for opens_ns, ends_ns in opened)
        assert zone.spent == spent
        if asks:
            ask = zone.ask(now_ns, NOBODY)
            grant = bucket.grant(now_ns // US_NS, zone.terms, ask) if ask.wanted else Grant(0, 0, 1, is_contended=False)
            zone.take(grant, now_ns, now_ns)
            opens_ns = now_ns + grant.opens_in_us * US_NS
            ends_ns = now_ns + 2 * LEASE_NS  # of a reserve
            opened += [(opens_ns + number * zone.interval_ns, ends_ns) for number in range(grant.permits)]
    assert spent <= len(opened)
