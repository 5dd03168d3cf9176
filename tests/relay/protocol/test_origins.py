from contextlib import nullcontext

import pytest

from relay.protocol.denials import Denied
from relay.protocol.origins import origin_of, refuse_foreign_origin

HOST_OF_PAGES = "relay.example:8001"


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"origin": "https://relay.example:8001"}, True),
        ({"origin": "http://RELAY.example:8001", "cookie": "a=b"}, True),
        ({"origin": "https://pages.example"}, True),
        ({"origin": "HTTPS://Pages.Example:443"}, True),
        ({"origin": "https://pages.example:0443"}, True),
        ({"cookie": "a=b"}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://evil-relay.example:8001"}, False),
        ({"origin": "https://relay.example:8001.evil.example"}, False),
        ({"origin": "https://relay.example"}, False),
        ({"origin": "http://pages.example"}, False),
        ({"origin": "https://pages.example:8443"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://pages.example:65979"}, False),
        ({"origin": "https://[::1::2]"}, False),
    ],
    ids=str,
)
def test_b6_a_web_page_connects_only_from_this_host_or_from_where_it_may(headers, passes):
    sent = [(name.encode(), value.encode()) for name, value in {"host": HOST_OF_PAGES, **headers}.items()]

    with nullcontext() if passes else pytest.raises(Denied, match="origin_forbidden"):
        refuse_foreign_origin(sent, ["https://pages.example"])


@pytest.mark.parametrize(
    ("host", "origin", "passes"),
    [
        ("relay.example", "https://relay.example:443", True),
        ("relay.example:443", "https://relay.example", True),
        ("relay.example:80", "http://relay.example", True),
        ("[FD00:0::5]:8001", "https://[fd00::5]:8001", True),
        ("relay.example:443", "https://relay.example:8443", False),
        ("[::1]:8001", "http://[::1]:8001", True),
        ("", "https://", False),
    ],
)
def test_b6_an_own_port_may_be_left_out_on_either_side(host, origin, passes):
    with nullcontext() if passes else pytest.raises(Denied, match="origin_forbidden"):
        refuse_foreign_origin([(b"host", host.encode()), (b"origin", origin.encode())], [])


def test_b6_a_cookie_without_an_origin_is_told_to_stay_away():
    with pytest.raises(Denied) as denied:
        refuse_foreign_origin([(b"host", b"relay"), (b"cookie", b"a=b")], [])

    assert "leave it out" in denied.value.denial.detail


@pytest.mark.parametrize(
    "text", ["pages.example", "https://pages.example/a", "https://", "*", "https://*", "null", "//a"]
)
def test_what_is_no_origin_is_none(text):
    assert origin_of(text) is None


def test_b6_two_origins_are_none():
    sent = [(b"origin", b"https://pages.example")] * 2

    with pytest.raises(Denied, match="origin_forbidden"):
        refuse_foreign_origin(sent, ["https://pages.example"])
