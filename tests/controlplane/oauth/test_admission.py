from ipaddress import ip_network

import pytest

from controlplane.oauth import admission
from controlplane.oauth.admission import ZoneTable, client_address
from relay.throttle.policy import SECOND_NS, Scope

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


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
    monkeypatch.setattr(admission, "MOST_ZONES", 2)  # filling 16,384 would take seconds
    for _ in range(4):
        table.seconds_to_wait("busy", now_ns=0)
    for key in ("x", "busy", "y", "busy", "z"):
        table.seconds_to_wait(key, now_ns=0)

    assert table.seconds_to_wait("busy", now_ns=0) == 1


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", ["nonsense"], "unknown"),
        ("", [], "unknown"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::"),
        ("::ffff:198.51.100.7", [], "198.51.100.7"),
    ],
)
def test_the_address_is_the_last_that_no_proxy_of_ours_vouched_for(peer, forwarded_for, address):
    assert client_address(peer, forwarded_for, PROXIES) == address
