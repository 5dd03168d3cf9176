from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest
import yarl
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.uri import parse_uri

from relay.platforms.addresses import (
    HTTP,
    REFUSED_NETWORKS,
    WEBSOCKET,
    AddressRefused,
    AddressRules,
    Endpoint,
    canonical_host,
    why_refused,
)

RULES = AddressRules()
S12_NETWORKS = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24
192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 ::/128 ::1/128 64:ff9b:1::/48
100::/64 2001::/23 2001:db8::/32 2002::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""
SPELLED_OTHERWISE = """
127.1 2130706433 017700000001 0x7f000001 0X7F.1 0177.0.0.1 127.0.0.01 127.0.0.1.1 1 10.0.0x1 0x 256.1.1.1 a.0x7f a.1
%31%32%37.0.0.1 \uff11\uff12\uff17.0.0.1 [:] [::ffff:127.1] [1::2::3]
"""
NO_PLAIN_NAMES = """
127\u30020\u30020\u30021 platform\uff0eexample 127.0.0.1. platform.example. .platform a..b -a.example a-.example
b\u00fccher.example \u24b6.example \u212a a\\b a\x00b a*b {tenant} [::1%25eth0] [a] [1.2.3.4]
"""
PLATFORMS_HAVE = ["52.16.1.1", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.128.0.0", "2600:1f18::1", "2a05:d018::1"]

refused_networks = st.sampled_from([network for network, _ in REFUSED_NETWORKS])
refused_addresses = refused_networks.flatmap(lambda network: st.ip_addresses(network=network))
refused_ipv4 = refused_addresses.filter(lambda address: address.version == 4)
url_texts = st.text(alphabet="htps:/[]@.%#?\\ \t\n0x1789abfgz-_。é", max_size=30)


def mapped(address):
    return str(IPv6Address(0xFFFF_0000_0000 + int(address)))


def translated(address):
    return str(IPv6Address((0x64_FF9B << 96) + int(address)))


def refusal(url, schemes=HTTP, rules=RULES):
    with pytest.raises(AddressRefused) as refused:
        rules.endpoint(url, schemes)
    return str(refused.value)


def test_s12_the_list_of_networks_is_complete():
    assert set(S12_NETWORKS.split()) <= {str(network) for network, _ in REFUSED_NETWORKS}


@given(refused_addresses)
def test_s12_an_address_of_the_list_is_refused_with_its_network(address):
    assert "/" in why_refused(str(address))


@given(refused_ipv4)
def test_s12_an_ipv4_address_inside_an_ipv6_one_is_judged_by_itself(address):
    for outer in (mapped(address), translated(address)):
        assert f"it leads to {address}, " in why_refused(outer)


@pytest.mark.parametrize("inner", ["10.0.0.1", "52.16.1.1"])
def test_s12_a_6to4_address_is_refused_whatever_is_in_it(inner):
    assert "6to4" in why_refused(str(IPv6Address((0x2002 << 112) + (int(IPv4Address(inner)) << 80))))


@pytest.mark.parametrize("address", PLATFORMS_HAVE)
def test_a_public_address_is_allowed(address):
    assert not why_refused(address)


@pytest.mark.parametrize("address", ["52.16.1.1", "1.1.1.1"])
def test_a_public_ipv4_address_is_allowed_inside_an_ipv6_one(address):
    assert not why_refused(mapped(IPv4Address(address)))
    assert not why_refused(translated(IPv4Address(address)))


@given(st.ip_addresses())
@example(ip_address("::7f00:1"))
@example(ip_address("5f00::1"))
@example(ip_address("3fff::1"))
def test_s12_what_is_allowed_is_public_in_the_eyes_of_the_standard_library_too(address):
    if not why_refused(str(address)):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("text", ["", "platform.example", "127.1", "0x7f000001", "1.2.3.4/32", "::ffff:1.2.3"])
def test_what_is_no_address_is_refused(text):
    assert why_refused(text) == "no IP address"


def test_s12_a_link_local_address_with_a_zone_is_refused():
    assert "link-local" in why_refused("fe80::1%eth0")


@pytest.mark.parametrize(
    ("url", "schemes", "host", "port"),
    [
        ("https://login.mypurecloud.ie/oauth/token", HTTP, "login.mypurecloud.ie", 443),
        ("wss://webapis.mypurecloud.ie/v2/websocket/a?b=1", WEBSOCKET, "webapis.mypurecloud.ie", 443),
        ("HTTPS://Login.Example", HTTP, "login.example", 443),
        ("https://platform:443?a=/@b:c", HTTP, "platform", 443),
        ("https://xn--bcher-kva.example/", HTTP, "xn--bcher-kva.example", 443),
        ("https://1password.example/", HTTP, "1password.example", 443),
    ],
)
def test_a_url_leads_to_a_host_and_a_port(url, schemes, host, port):
    assert RULES.endpoint(url, schemes) == Endpoint(host, port, is_secure=True, is_address=False)


@pytest.mark.parametrize(
    ("url", "host"), [("https://52.16.1.1/", "52.16.1.1"), ("https://[2600:1F18:0::1]/", "2600:1f18::1")]
)
def test_a_public_address_may_stand_in_a_url(url, host):
    assert RULES.endpoint(url, HTTP) == Endpoint(host, 443, is_secure=True, is_address=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "//host/",
        "https:/host",
        "https:host",
        "ftp://host/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        " https://host/",
        "\nhttps://host/",
        "ht\ttps://host/",
        "wss://host/",
        "http\u017f://host/",
    ],
)
def test_s12_another_scheme_is_refused(url):
    assert refusal(url) == "The address must begin with https:// and a host."


@pytest.mark.parametrize("url", ["ws://platform.example/", "ws://[::ffff:10.0.0.1]/", "ws://169.254.169.254/"])
def test_s12_a_connection_without_tls_is_refused(url):
    assert "must begin with wss://." in refusal(url, WEBSOCKET)


@pytest.mark.parametrize(
    "url", ["https://user:canary@host/", "https://user@host/", "https://@host/", "https://host@10.0.0.1/"]
)
def test_s12_a_user_name_or_password_is_refused_and_not_shown(url):
    assert refusal(url) == "The address must not contain a user name or a password."


@pytest.mark.parametrize("url", ["https://host/#", "https://host#@evil.example/", "https://host/?a#b\nc"])
def test_s12_a_fragment_is_refused(url):
    assert refusal(url) == "The address must not contain #."


@pytest.mark.parametrize("port", [1, 80, 444, 6379, 65_535])
def test_s12_another_port_is_refused_unless_it_is_listed(port):
    url = f"https://host:{port}/"

    assert "The port must be 443." in refusal(url)
    assert AddressRules(ports=(443, port)).endpoint(url, HTTP).port == port


def test_a_refused_port_tells_all_that_are_allowed():
    assert "443 or 8443" in refusal("https://host:1/", rules=AddressRules(ports=(8443, 443)))


@pytest.mark.parametrize("port", [0, 65_536, 99_999])
def test_a_port_that_is_none_is_refused(port):
    assert refusal(f"https://host:{port}/") == "A port must be a number from 1 to 65535."


@pytest.mark.parametrize(
    "authority", ["", ":443", "host:", "host:x", "host:443:443", "host:٤٤٣", "[::1", "::1", "[::1]x", "[[::1]]", "a[b]"]
)
def test_an_authority_that_is_none_is_refused(authority):
    assert "must hold one host" in refusal(f"https://{authority}/")


@pytest.mark.parametrize("host", SPELLED_OTHERWISE.split())
def test_s12_another_spelling_of_an_address_is_refused(host):
    assert refusal(f"https://{host}/") == "An IP address must be written as 192.0.2.1 or as [2001:db8::1]."


@pytest.mark.parametrize("host", [*NO_PLAIN_NAMES.split(), "a b", "a\tb", "a" * 64, "a." * 126 + "ab"])
def test_s12_a_host_beyond_plain_letters_is_refused(host):
    assert "A host must be an IP address or a name" in refusal(f"https://{host}/")


@given(refused_addresses)
def test_s12_a_refused_address_is_refused_in_a_url(address):
    host = f"[{address}]" if address.version == 6 else str(address)

    assert " is refused: " in refusal(f"https://{host}/")


@given(refused_ipv4, st.sampled_from(["{0}", "0{0:o}", "0x{0:x}", "0X{0:X}"]))
def test_s12_a_refused_address_is_refused_as_one_number(address, spelling):
    refusal(f"https://{spelling.format(int(address))}/")


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["52.16.1.1", "10.0.0.1"], ["10.0.0.1", "52.16.1.1"]])
def test_s12_one_refused_address_of_a_name_refuses_the_name(addresses):
    with pytest.raises(AddressRefused, match=r"platform\.example resolves to 10\.0\.0\.1, which is refused: private"):
        RULES.judge("platform.example", addresses)


def test_a_name_with_public_addresses_alone_is_allowed():
    RULES.judge("platform.example", PLATFORMS_HAVE)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8100/", "https://127.0.0.1/", "http://simulator:1/", "http://[::1]/", "http://SIMULATOR/"]
)
def test_a_host_that_the_operator_names_may_be_private_and_plain_on_any_port(url):
    rules = AddressRules(private_hosts={"127.0.0.1", "simulator", "::1"})

    endpoint = rules.endpoint(url, HTTP)

    rules.judge(endpoint.host, ["127.0.0.1", "169.254.169.254"])
    assert endpoint.port in (8100, 443, 1, 80)


@pytest.mark.parametrize("host", ["127.0.0.2", "a.simulator", "simulator2", "[::ffff:127.0.0.1]", "localhost"])
def test_s12_no_other_host_is_named_with_it(host):
    rules = AddressRules(private_hosts={"127.0.0.1", "simulator"})

    assert "must begin with https://" in refusal(f"http://{host}/", rules=rules)
    with pytest.raises(AddressRefused):
        rules.judge(canonical_host(host), ["127.0.0.1"])


@pytest.mark.parametrize(
    "url", ["http://simulator/#", "http://u:p@simulator/", "ftp://simulator/", "http://simulator:0"]
)
def test_a_host_that_the_operator_names_needs_a_proper_address_all_the_same(url):
    refusal(url, rules=AddressRules(private_hosts={"simulator"}))


@pytest.mark.parametrize(
    ("host", "canonical"),
    [("Simulator", "simulator"), ("[::1]", "::1"), ("0:0::1", "::1"), ("10.0.0.1", "10.0.0.1"), ("a_b-c.d", "a_b-c.d")],
)
def test_a_host_has_one_spelling(host, canonical):
    assert canonical_host(host) == canonical


@pytest.mark.parametrize(("host", "told"), [("host.example", "host.example:443"), ("[2600::1]", "[2600::1]:443")])
def test_an_endpoint_is_told_as_people_write_it(host, told):
    assert str(RULES.endpoint(f"https://{host}/", HTTP)) == told


@pytest.mark.parametrize("host", ["host.example", "[2600::1]"])
def test_a_request_names_the_port_where_it_is_not_the_usual_one(host):
    rules = AddressRules(ports=(443, 80))

    assert rules.endpoint(f"https://{host}:443/", HTTP).host_header == host
    assert rules.endpoint(f"https://{host}:80/", HTTP).host_header == f"{host}:80"


@given(url_texts | url_texts.map("https://".__add__))
@example("https://a:443/\\@evil.example/")
@example("https://a\\@b/")
def test_s12_libraries_read_the_same_host_from_what_is_allowed(text):
    try:
        endpoint = RULES.endpoint(text, HTTP)
    except AddressRefused:
        return
    assert (urlsplit(text).hostname, urlsplit(text).port or 443) == (endpoint.host, endpoint.port)
    assert (yarl.URL(text).host, yarl.URL(text).port) == (endpoint.host, endpoint.port)
    assert parse_uri(f"wss{text[5:]}").host == endpoint.host
