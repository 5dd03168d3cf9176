from ipaddress import ip_network

import pytest

from controlplane.oauth import admission
from controlplane.oauth.admission import Admission, ZoneTable
from controlplane.oauth.messages import Refused
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


class TestAddresses:
    """Whose address is charged; how it is told from headers, tests/relay/protocol/test_forwarded.py shows."""

    @pytest.fixture
    def admission(self, settings):
        settings.TRUSTED_PROXIES = PROXIES
        settings.TOKEN_ADDRESS_PERMITS, settings.TOKEN_ADDRESS_BURST = 1, 0
        return Admission()

    @pytest.mark.parametrize("header", ["X-Forwarded-For: 6.6.6.6, {}", "Forwarded: for=6.6.6.6, for={}"])
    def test_s26_clients_behind_a_proxy_are_charged_one_by_one(self, admission, header):
        for address in ("203.0.113.9", "203.0.113.10"):
            admission.admit_address(scope("10.0.0.1", header.format(address)))

        assert refused(admission, scope("10.0.0.1", header.format("203.0.113.9"))).status == 429

    @pytest.mark.parametrize("header", ["X-Forwarded-For: {}", "Forwarded: for={}"])
    def test_s26_who_is_no_proxy_of_ours_is_charged_itself_whatever_it_says(self, admission, header):
        admission.admit_address(scope("198.51.100.7", header.format("203.0.113.9")))

        assert refused(admission, scope("198.51.100.7", header.format("203.0.113.10"))).status == 429

    def test_all_addresses_of_one_ipv6_subscriber_are_charged_together(self, admission):
        admission.admit_address(scope("2001:db8:1:2::3"))

        assert refused(admission, scope("2001:db8:1:2::4")).status == 429

    def test_a_unix_socket_has_no_address_and_is_charged_all_the_same(self, admission):
        admission.admit_address({"headers": [], "client": None})

        assert refused(admission, {"headers": [], "client": None}).status == 429


def scope(peer, *lines):
    """What a server says of a request, as far as it is looked at."""
    pairs = (line.split(": ") for line in lines)
    return {"headers": [(name.lower().encode(), value.encode()) for name, value in pairs], "client": (peer, 4711)}


def refused(admission, asking):
    """The answer to an address that asked too often."""
    with pytest.raises(Refused) as refusal:
        admission.admit_address(asking)
    return refusal.value.answer
