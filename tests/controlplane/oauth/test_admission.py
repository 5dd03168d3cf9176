from ipaddress import ip_network

import pytest

from controlplane.oauth.admission import Admission
from controlplane.oauth.messages import Refused

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


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
