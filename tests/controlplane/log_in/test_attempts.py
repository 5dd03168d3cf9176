from contextlib import ExitStack

import pytest

from controlplane.log_in import attempts
from controlplane.log_in.attempts import LogInAttempts, LogInRefused

HOME, ELSEWHERE = "192.0.2.7", "203.0.113.9"


@pytest.fixture
def log_ins():
    return LogInAttempts(wait_seconds=0.01)


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


@pytest.fixture
def tried_from_everywhere(log_ins):
    """Root's account, which is tried from everywhere, and one such try that compares now."""
    for number in range(attempts.LOG_IN_ACCOUNT_BURST + 1):
        outcome(log_ins, asking=f"203.0.113.{number}")
    with log_ins.admitted("root", "198.51.100.1"):
        yield


def test_an_account_that_is_tried_from_everywhere_leaves_a_turn_to_others(log_ins, tried_from_everywhere):
    assert outcome(log_ins, asking="198.51.100.2") == 503
    assert outcome(log_ins, account="alice", asking="198.51.100.2") == 0


def test_who_logged_in_from_there_before_finds_a_turn_whoever_else_tries_the_account(log_ins, tried_from_everywhere):
    log_ins.succeeded("root", HOME)

    assert outcome(log_ins, asking=HOME) == 0
    assert outcome(log_ins, asking=ELSEWHERE) == 503


def test_of_those_who_logged_in_the_latest_are_remembered(log_ins, tried_from_everywhere, monkeypatch):
    monkeypatch.setattr(attempts, "MOST_KNOWN", 2)  # logging in 4,096 times would take seconds
    for account in ("root", "alice", "bob"):
        log_ins.succeeded(account, HOME)

    assert outcome(log_ins, asking=HOME) == 503


def test_one_address_tries_no_more_accounts_than_an_office_has(log_ins):
    statuses = [outcome(log_ins, account=f"person-{number}") for number in range(100)]

    assert statuses.count(0) == attempts.LOG_IN_ADDRESS_BURST + 1


def test_two_hashes_at_a_time_and_the_third_is_told_to_come_back(log_ins):
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(log_ins.admitted(f"person-{number}", HOME))

        assert outcome(log_ins, account="alice") == 503
    assert outcome(log_ins, account="bob") == 0


def test_refusals_are_told_in_one_line_and_not_one_by_one(log_ins, caplog):
    for _ in range(30):
        outcome(log_ins)

    assert [record.msg["event"] for record in caplog.records] == ["log_in_refused"]
