import pytest

from controlplane import zone_tables
from controlplane.zone_tables import ZoneTable
from relay.throttle.policy import SECOND_NS, Scope


@pytest.fixture
def table():
    return ZoneTable(name="token_client", scope=Scope.CLIENT, permits=2, burst=3)


def test_from_rest_burst_and_one_pass_and_the_next_is_told_when_to_come_back(table):
    answers = [table.seconds_to_wait("a", now_ns=0) for _ in range(5)]

    assert answers == [0, 0, 0, 0, 1]


def test_after_that_time_one_passes_again(table):
    for _ in range(5):
        table.seconds_to_wait("a", now_ns=0)

    assert table.seconds_to_wait("a", now_ns=SECOND_NS // 2) == 0
    assert table.seconds_to_wait("a", now_ns=SECOND_NS // 2) == 1


def test_one_key_does_not_use_up_anothers(table):
    for _ in range(9):
        table.seconds_to_wait("a", now_ns=0)

    assert table.seconds_to_wait("b", now_ns=0) == 0


def test_nobody_is_sent_away_for_longer_than_a_minute():
    slow = ZoneTable(name="token_client", scope=Scope.CLIENT, permits=1, burst=0)
    assert slow.seconds_to_wait("a", now_ns=500 * SECOND_NS) == 0

    assert slow.seconds_to_wait("a", now_ns=0) == 60


def test_the_table_stays_bounded_and_forgets_the_least_used(table, monkeypatch):
    monkeypatch.setattr(zone_tables, "MOST_ZONES", 2)  # filling 16,384 would take seconds
    for _ in range(4):
        table.seconds_to_wait("busy", now_ns=0)
    for key in ("x", "busy", "y", "busy", "z"):
        table.seconds_to_wait(key, now_ns=0)

    assert table.seconds_to_wait("busy", now_ns=0) == 1
