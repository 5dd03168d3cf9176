from hypothesis import example, given
from hypothesis import strategies as st

from relay.throttle.fallback import Fallback, share_alone
from relay.throttle.granting import SECOND_US, Ask, Debit, SharedBucket, Terms
from relay.throttle.policy import StoreAway

TERMS = Terms(permits=400, period_us=SECOND_US, delay_us=100_000, lag_us=0)
ONE = Ask(1, 1)


def granted(fallback, seconds, step_us=2_000):
    """Permits of a worker that asks again and again."""
    return sum(fallback.grant(now_us, Ask(1, 8)).permits for now_us in range(0, int(seconds * SECOND_US), step_us))


def test_a_share_is_gone_on_with_and_nothing_of_the_burst():
    alone = Fallback(StoreAway.SHARE, TERMS, share=0.25, now_us=0)

    assert 100 * 10 <= granted(alone, 10) <= 100 * 10 + 1 + 2


def test_all_workers_together_stay_within_the_rate_but_for_one_permit_and_the_horizon_each():
    together = sum(granted(Fallback(StoreAway.SHARE, TERMS, share, 0), 5) for share in (0.5, 0.25, 0.125, 0.125))

    assert together <= 400 * 5.016 + 4


def test_nothing_passes_where_the_policy_refuses():
    grant = Fallback(StoreAway.REFUSE, TERMS, 1.0, 0).grant(5, ONE)

    assert (grant.permits, grant.retry_in_us) == (0, 50_000)


def test_everything_passes_where_the_policy_lets_it_and_nothing_is_owed():
    alone = Fallback(StoreAway.LET_PASS, TERMS, 0.01, 0)

    assert alone.grant(5, Ask(1, 5_000)).permits == 5_000
    assert alone.owed(10).permits == 0


def test_what_was_granted_is_made_up_for_when_the_rate_has_brought_it_back():
    alone = Fallback(StoreAway.SHARE, TERMS, 0.25, now_us=1_000)
    alone.grant(1_000, ONE)

    assert not alone.is_made_up_for(1_000 + 2 * 2_500 + 100_000 - 1)
    assert alone.is_made_up_for(1_000 + 2 * 2_500 + 100_000)


def test_what_was_granted_is_owed_from_the_beginning_on():
    alone = Fallback(StoreAway.SHARE, TERMS, 0.25, now_us=1_000)
    alone.grant(1_000, ONE)

    assert alone.owed(51_000) == Debit(permits=1, began_us_ago=50_000, debt=1_000)


def test_another_version_owes_what_was_granted_under_the_former_one():
    former, later = (Fallback(StoreAway.SHARE, TERMS, 0.25, now_us) for now_us in (1_000, 31_000))
    former.grant(1_000, ONE)

    later.go_on_from(former)
    later.grant(31_000, ONE)

    assert later.owed(51_000) == Debit(permits=2, began_us_ago=50_000, debt=1_000)


def test_a_bucket_that_was_away_for_all_owes_nothing_of_its_burst_afterwards():
    bucket = SharedBucket()
    bucket.grant(0, TERMS, ONE)

    bucket.take_off(10 * SECOND_US, TERMS, Debit(2_000, 10 * SECOND_US))

    assert bucket.theoretical_arrival_us == 10 * SECOND_US + 2_500


def test_time_in_which_nobody_asked_is_taken_off_once_and_not_for_each_who_was_alone():
    bucket = SharedBucket()
    bucket.grant(0, TERMS, Ask(1, 41))

    for later_us in (0, 1_000, 50_000):
        bucket.take_off(2 * SECOND_US + later_us, TERMS, Debit(200, 2 * SECOND_US + later_us))

    owed = 3 * TERMS.cost_us(200) * 51 // 2051  # for what they granted themselves while others could ask
    assert bucket.theoretical_arrival_us <= 2 * SECOND_US + 41 * 2_500 + owed


def test_an_ask_that_lay_in_a_store_that_hung_takes_nothing_off_and_hides_no_silence():
    bucket = SharedBucket()
    bucket.grant(0, TERMS, Ask(1, 41))
    back_us = 6 * SECOND_US

    bucket.take_off(back_us, TERMS, Debit())
    stale = bucket.grant(back_us, TERMS, Ask(1, 8)).permits
    for number in range(4):
        later_us = 50_000 * (1 + number)
        bucket.take_off(back_us + later_us, TERMS, Debit(600, back_us + later_us), str(number))

    owed = sum(600 * TERMS.cost_us(1) * 50 * n // (6_000 + 50 * n) for n in range(1, 5))  # while others could ask
    assert bucket.theoretical_arrival_us <= back_us + (41 + stale) * 2_500 + owed + 4 * 2_500


@example(silent_us=505_002, stale=162, waited_us=402_502, later_us=400_001)  # it hangs again at once
@given(
    silent_us=st.integers(400_001, 12 * SECOND_US),
    stale=st.integers(1, 300),
    waited_us=st.integers(0, SECOND_US),
    later_us=st.integers(0, 3 * SECOND_US),
)
def test_what_an_ask_that_lay_in_a_store_that_hung_was_granted_comes_on_top_of_the_silence(
    silent_us, stale, waited_us, later_us
):
    terms, bucket, without = TERMS._replace(lag_us=500_000), SharedBucket(), SharedBucket()
    for either in (bucket, without):
        either.grant(0, terms, Ask(1, 41))

    bucket.take_off(silent_us, terms, Debit())
    permits = bucket.grant(silent_us, terms, Ask(1, stale, waited_us)).permits
    for either in (bucket, without):
        either.take_off(silent_us + later_us, terms, Debit(1, silent_us + later_us))

    assert bucket.theoretical_arrival_us >= silent_us + terms.cost_us(permits)
    most_us = without.theoretical_arrival_us + terms.cost_us(permits + 1) + terms.lag_us
    assert bucket.theoretical_arrival_us <= most_us


def test_a_debt_that_is_said_again_since_no_answer_came_is_taken_off_once():
    bucket = SharedBucket()
    bucket.grant(SECOND_US, TERMS, Ask(1, 41))

    for permits in (40, 40, 44):
        bucket.take_off(SECOND_US, TERMS, Debit(permits, SECOND_US, debt=7), "1")
    once_us = bucket.theoretical_arrival_us
    bucket.take_off(SECOND_US, TERMS, Debit(40, SECOND_US, debt=8), "1")

    assert once_us == SECOND_US + (41 + 44) * 2_500
    assert bucket.theoretical_arrival_us == once_us + 40 * 2_500


def test_a_bucket_that_is_new_is_not_charged_for_the_time_before():
    bucket = SharedBucket()

    bucket.take_off(2 * SECOND_US, TERMS, Debit(700, 2 * SECOND_US))

    assert bucket.grant(2 * SECOND_US, TERMS, Ask(1, 41)).permits > 20


def test_who_asks_less_often_than_it_is_worth_is_no_silence():
    hourly = TERMS._replace(period_us=3600 * SECOND_US, permits=1, delay_us=0, lag_us=0)
    bucket = SharedBucket()
    for hour in range(3):
        assert bucket.grant(hour * hourly.period_us, hourly, ONE).permits == 1

    bucket.take_off(3 * hourly.period_us - 1, hourly, Debit(1, hourly.period_us))

    assert bucket.theoretical_arrival_us == 4 * hourly.period_us


def test_a_bucket_that_others_used_up_meanwhile_is_in_debt_until_it_is_made_up_for():
    bucket = SharedBucket()
    bucket.grant(SECOND_US, TERMS, Ask(1, 41))

    bucket.take_off(SECOND_US, TERMS, Debit(40, SECOND_US))

    assert bucket.grant(SECOND_US, TERMS, ONE).retry_in_us > 80_000


def test_what_the_store_told_is_the_most_of_a_share_and_the_rest_is_for_those_it_told_nothing():
    assert share_alone(told=1.0, workers=1) == 1.0
    assert [share_alone(told, 4) for told in (0.25, 0.0)] == [0.25, 0.0625]
    assert share_alone(1.0, 4) + 3 * share_alone(0.0, 4) == 1.0
