from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.protocol.forwarded import (
    LONGEST_FORWARDED_ELEMENT,
    MOST_FORWARDED_HOPS,
    client_address,
    is_trusted,
    subscriber,
)

OURS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY, CLIENT, FORGED = "10.0.0.1", "203.0.113.9", "6.6.6.6"
ADDRESSES = st.ip_addresses().map(str)
OUTSIDERS = ADDRESSES.filter(lambda address: not is_ours(address))
HEADERS = st.lists(st.text(max_size=40) | st.text('for=",;:[]\\ _unkow0123456789.abcdef', max_size=60), max_size=4)


def is_ours(address):
    """A proxy's, also where it is written as IPv4 mapped into IPv6."""
    parsed = ip_address(address)
    return any((getattr(parsed, "ipv4_mapped", None) or parsed) in network for network in OURS)


def by_forwarded_for(*values, peer=PROXY):
    """The client's address by X-Forwarded-For alone."""
    return client_address(peer, values, (), OURS)


def by_forwarded(*values, peer=PROXY):
    """The client's address by Forwarded alone."""
    return client_address(peer, (), values, OURS)


class TestThePeer:
    """The other end of the socket: all that is certain."""

    @pytest.mark.parametrize("peer", [CLIENT, "2001:db8::9", "", "not an address"])
    def test_s26_who_is_no_proxy_of_ours_is_the_client_whatever_it_says(self, peer):
        assert client_address(peer, [FORGED], [f"for={FORGED}"], OURS) == peer

    @pytest.mark.parametrize("peer", [PROXY, "fd00::1"])
    def test_a_proxy_that_says_nothing_stands_for_itself(self, peer):
        assert client_address(peer, (), (), OURS) == peer

    def test_nobody_is_trusted_where_nobody_is_listed(self):
        assert client_address(PROXY, [FORGED], (), ()) == PROXY

    @pytest.mark.parametrize(
        ("peer", "canonical"),
        [("::ffff:203.0.113.9", CLIENT), ("2001:DB8:0::9", "2001:db8::9"), ("fe80::1%eth0", "fe80::1%eth0")],
    )
    def test_its_address_is_told_in_its_canonical_form(self, peer, canonical):
        assert client_address(peer, (), (), OURS) == canonical

    def test_a_proxy_is_known_by_its_ipv4_address_mapped_into_ipv6(self):
        assert by_forwarded_for(CLIENT, peer="::ffff:10.0.0.1") == CLIENT


class TestTheList:
    """Read from the right, as far as proxies vouch for it."""

    @pytest.mark.parametrize(
        ("values", "client"),
        [
            ([CLIENT], CLIENT),
            ([f"{FORGED}, {CLIENT}"], CLIENT),
            ([FORGED, CLIENT], CLIENT),
            ([f"{FORGED}, {CLIENT}, 10.0.0.2"], CLIENT),
            ([FORGED, f"{CLIENT},10.0.0.3", "10.0.0.2"], CLIENT),
            (["fd00::7, 10.0.0.2"], "fd00::7"),
            ([f"{FORGED}, {PROXY}, {CLIENT}"], CLIENT),
            ([f"{FORGED}," * 10_000 + CLIENT], CLIENT),
        ],
        ids=lambda part: str(part)[:50],
    )
    def test_s26_the_rightmost_address_that_no_proxy_of_ours_has_is_the_client(self, values, client):
        assert by_forwarded_for(*values) == client
        assert by_forwarded(*map(as_forwarded, values)) == client

    @pytest.mark.parametrize(
        "entry", ["", "unknown", "_hidden", "_", "garbage", "300.1.1.1", "1.2.3", "::g", "for=::1"]
    )
    def test_s26_where_an_entry_tells_nothing_the_last_proxy_that_could_be_told_counts(self, entry):
        assert by_forwarded_for(f"{FORGED}, {entry}") == PROXY
        assert by_forwarded_for(f"{FORGED}, {entry}, 10.0.0.2") == "10.0.0.2"
        assert by_forwarded(f"for={FORGED}, for={entry}, for=10.0.0.2") == "10.0.0.2"

    def test_an_empty_header_tells_nothing(self):
        assert by_forwarded_for(FORGED, "") == PROXY
        assert by_forwarded(f"for={FORGED}", "") == PROXY

    @pytest.mark.parametrize("separate", [True, False], ids=["headers", "one header"])
    def test_behind_as_many_proxies_as_are_looked_at_the_client_is_seen_and_behind_one_more_it_is_not(self, separate):
        seen = [CLIENT, *(f"10.0.1.{number}" for number in range(1, MOST_FORWARDED_HOPS))]
        hidden = [CLIENT, "10.0.2.1", *seen[1:]]

        assert by_forwarded_for(*(seen if separate else [",".join(seen)])) == CLIENT
        assert by_forwarded_for(*(hidden if separate else [",".join(hidden)])) == "10.0.2.1"


class TestAnEntry:
    """What a proxy may write for one address."""

    @pytest.mark.parametrize(
        ("written", "address"),
        [
            ("203.0.113.9:4711", CLIENT),
            ('"203.0.113.9:4711"', CLIENT),
            ("203.0.113.9:_obscured", CLIENT),
            ("2001:db8::9", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
            ("[2001:DB8:0::9]:4711", "2001:db8::9"),
            ('"[2001:db8::9]:4711"', "2001:db8::9"),
            ("::ffff:203.0.113.9", CLIENT),
            ("[::ffff:cb00:7109]:4711", CLIENT),
        ],
    )
    def test_ports_brackets_and_quotes_are_no_part_of_the_address(self, written, address):
        assert by_forwarded_for(written) == address
        assert by_forwarded(f"for={written}") == address
        assert by_forwarded_for(f"{FORGED} ,\t{written} , [::ffff:10.0.0.2]:80") == address

    @pytest.mark.parametrize(
        "written",
        [
            '"203.0.113.9',
            '203.0.113.9"',
            "[203.0.113.9]",
            "[2001:db8::9",
            "2001:db8::9]",
            "[2001:db8::9]4711",
            "203.0.113.9:",
            "203.0.113.9:471100",
            "203.0.113.9 4711",
            "fe80::1%eth0",
            "203.0.113.٩",
            "203.0.113.09",
            "1" * 100_000,
            ":" * 100_000,
        ],
        ids=lambda written: written[:20],
    )
    def test_what_is_written_otherwise_is_no_address(self, written):
        assert by_forwarded_for(written) == PROXY
        assert by_forwarded(f"for={written}") == PROXY


class TestForwarded:
    """RFC 7239, section 4."""

    @pytest.mark.parametrize(
        "element",
        [
            "for=203.0.113.9",
            "For=203.0.113.9",
            'FOR="203.0.113.9"',
            "for=203.0.113.9;proto=https;by=10.0.0.1",
            'by=_gateway;host="relay.example:443";for=203.0.113.9',
            'host="quoted \\" mark; and more";for=203.0.113.9',
            " for=203.0.113.9 ; proto=https; ",
            "for=203.0.113.9;",
        ],
    )
    def test_the_parameter_for_names_the_client(self, element):
        assert by_forwarded(element) == CLIENT
        assert by_forwarded(f"for={FORGED}, {element}, for=10.0.0.2") == CLIENT

    @pytest.mark.parametrize(
        "element",
        [
            "proto=https",
            "203.0.113.9",
            "for=203.0.113.9;for=203.0.113.9",
            "for =203.0.113.9",
            "for= 203.0.113.9",
            "for=",
            "for=;proto=https",
            "for=203.0.113.9;;proto=https",
            ";for=203.0.113.9",
            "for=203.0.113.9 proto=https",
            "for=203.0.113.9;host=\\",
            'for=203.0.113.9;host="open',
            'for=203.0.113.9;host="open\\"',
            'for="203.0.113.9"x',
            "for=203.0.113.9\n",
            'for="203\\.0.113.9"',
        ],
    )
    def test_s26_an_element_that_is_not_as_the_rfc_says_tells_nothing(self, element):
        assert by_forwarded(element) == PROXY

    def test_s26_an_element_of_1024_characters_is_read_and_one_more_makes_it_tell_nothing(self):
        longest = f"for={CLIENT};host=".ljust(LONGEST_FORWARDED_ELEMENT, "h")

        assert by_forwarded(longest) == CLIENT
        assert by_forwarded(longest + "h") == PROXY

    @pytest.mark.parametrize("forged", ['for="', 'for=6.6.6.6;a="', 'for=6.6.6.6;a="\\', "for=6.6.6.6;", "\\", ",,;=,"])
    def test_s26_what_a_client_leaves_open_swallows_nothing_that_a_proxy_adds(self, forged):
        assert by_forwarded(f'{forged}, for={CLIENT};host="relay"') == CLIENT

    @pytest.mark.parametrize(
        "host",
        [
            f"x, for={FORGED}",
            f"x, for={FORGED};a=",
            f'x", for={FORGED}',
            f'x", for="{FORGED}',
            f'x", for={FORGED};a="',
            f'x, for={FORGED};a="b',
            f"x, for={FORGED};a=\\",
        ],
    )
    def test_s26_a_name_that_the_client_chose_and_a_proxy_quotes_adds_no_entry(self, host):
        quoted = host.replace("\\", "\\\\").replace('"', '\\"')

        assert by_forwarded(f'for={CLIENT};host="{quoted}"') == PROXY
        assert by_forwarded(f'for={CLIENT};host="{quoted}";by="_gateway"') == PROXY
        assert by_forwarded(f'host="{quoted}";for={CLIENT}') in (PROXY, CLIENT)


class TestBothHeaders:
    """A proxy that writes the one often passes the other on as the client made it up."""

    def test_where_they_agree_that_is_the_client(self):
        assert client_address(PROXY, [f"{FORGED}, {CLIENT}:80"], [f'for="{CLIENT}"'], OURS) == CLIENT

    @pytest.mark.parametrize("other", [FORGED, "_hidden", "unknown", ""])
    def test_s26_where_they_do_not_agree_neither_counts(self, other):
        assert client_address(PROXY, [CLIENT], [f"for={other}"], OURS) == PROXY
        assert client_address(PROXY, [other], [f"for={CLIENT}"], OURS) == PROXY


class TestSubscribers:
    """Whom a limit of one address holds."""

    @pytest.mark.parametrize(
        ("address", "key"),
        [
            (CLIENT, CLIENT),
            ("::ffff:203.0.113.9", CLIENT),
            ("2001:db8:1:2:ffff:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
            ("fe80::1%eth0", "fe80::"),
            ("", "unknown"),
            ("not an address", "unknown"),
        ],
    )
    def test_an_ipv4_address_is_one_and_so_is_a_network_of_64_bits(self, address, key):
        assert subscriber(address) == key


class TestAnyHeaders:
    """Whatever comes."""

    @given(HEADERS, HEADERS)
    def test_the_answer_is_always_an_address(self, forwarded_for, forwarded):
        answer = client_address(PROXY, forwarded_for, forwarded, OURS)

        assert str(ip_address(answer)) == answer

    @given(HEADERS, OUTSIDERS, st.lists(st.sampled_from(["10.0.0.2", "fd00::2"]), max_size=3), st.booleans())
    def test_s26_nothing_that_a_client_sends_changes_what_proxies_say(self, sent, client, proxies, is_one_header):
        added = ", ".join([client, *proxies])
        bracketed = ", ".join(
            f'for="[{address}]"' if ":" in address else f"for={address}" for address in added.split(", ")
        )

        for reader, entries in ((by_forwarded_for, added), (by_forwarded, bracketed)):
            values = [*sent[:-1], f"{sent[-1]}, {entries}"] if is_one_header and sent else [*sent, entries]
            assert reader(*values) == by_forwarded_for(client)

    @given(HEADERS, st.text('",;=\\ abfor6.', max_size=30))
    def test_s26_no_name_in_quotes_names_the_client(self, sent, host):
        quoted = host.replace("\\", "\\\\").replace('"', '\\"')

        assert by_forwarded(*sent, f'for={CLIENT};host="{quoted}"') in (CLIENT, PROXY)


def as_forwarded(value):
    """A list of addresses as elements of Forwarded."""
    return ", ".join(
        f'for="[{entry}]"' if ":" in entry else f"for={entry}" for entry in value.replace(" ", "").split(",")
    )


@given(ADDRESSES)
def test_a_peer_is_trusted_where_a_proxy_is_ours_however_it_is_written(address):
    assert is_trusted(address, OURS) is is_ours(address)


@pytest.mark.parametrize("peer", ["", "unknown", "/run/relay.sock"])
def test_a_peer_without_an_address_is_not_trusted(peer):
    assert not is_trusted(peer, OURS)
