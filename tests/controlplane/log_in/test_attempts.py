import threading
from contextlib import ExitStack

import pytest

from controlplane.log_in import attempts
from controlplane.log_in.attempts import LogInAttempts, LogInRefused

HOME, ELSEWHERE = "192.0.2.7", "203.0.113.9"


@pytest.fixture
def slept():
    return []


@pytest.fixture
def log_ins(slept):
    return LogInAttempts(sleep=slept.append, hash_wait=0.01)


def outcome(log_ins, account="root", asking=HOME):
    """0 where a password would be compared, else the status of the refusal."""
    try:
        with log_ins.admitted(account, asking):
            return 0
    except LogInRefused as refused:
        return refused.status


def test_of_thirty_tries_in_a_row_six_are_looked_at(log_ins):
    assert [outcome(log_ins) for _ in range(30)] == [0] * 6 + [429] * 24


def test_who_tries_an_account_from_elsewhere_keeps_nobody_out(log_ins):
    for number in range(200):
        outcome(log_ins, asking=f"203.0.113.{number}")

    assert outcome(log_ins) == 0


def test_an_account_that_is_tried_from_everywhere_is_slow_and_another_is_not(log_ins, slept):
    for number in range(attempts.LOG_IN_ACCOUNT_BURST + 3):
        outcome(log_ins, asking=f"203.0.113.{number}")
    assert slept == [attempts.SLOW_SECONDS] * 2

    outcome(log_ins, account="alice")
    assert len(slept) == 2


def test_one_address_tries_no_more_accounts_than_an_office_has(log_ins):
    statuses = [outcome(log_ins, account=f"person-{number}") for number in range(100)]

    assert statuses.count(0) == attempts.LOG_IN_ADDRESS_BURST + 1


def test_two_hashes_at_a_time_and_the_third_is_told_to_come_back(log_ins):
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(log_ins.admitted(f"person-{number}", HOME))

        assert outcome(log_ins, account="alice") == 503
    assert outcome(log_ins, account="bob") == 0


def test_few_wait_for_their_turn_and_all_others_are_refused_at_once(slept):
    log_ins = LogInAttempts(sleep=slept.append, hash_wait=10)
    statuses = []
    crowd = [
        threading.Thread(target=lambda n=n: statuses.append(outcome(log_ins, f"person-{n}", f"198.51.100.{n}")))
        for n in range(attempts.MOST_LOG_INS + 8)
    ]
    with ExitStack() as stack:
        for number in range(attempts.MOST_HASHES):
            stack.enter_context(log_ins.admitted(f"early-{number}", HOME))
        for one in crowd:
            one.start()
    for one in crowd:
        one.join(10)

    assert len(statuses) == len(crowd)
    assert set(statuses) <= {0, 503}


def test_a_failure_while_a_password_is_compared_gives_its_turn_back(log_ins):
    for number in range(5):
        with pytest.raises(InterruptedError), log_ins.admitted(f"person-{number}", HOME):
            raise InterruptedError

    assert outcome(log_ins) == 0


def test_refusals_are_told_in_one_line_and_not_one_by_one(log_ins, caplog):
    for _ in range(30):
        outcome(log_ins)

    assert [record.msg["event"] for record in caplog.records] == ["log_in_refused"]
