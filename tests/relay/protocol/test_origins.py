from contextlib import nullcontext

import pytest

from relay.protocol.denials import Denied
from relay.protocol.origins import refuse_foreign_origin

HOST_OF_PAGES = "relay.example:8001"


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"origin": "https://relay.example:8001"}, True),
        ({"origin": "http://RELAY.example:8001", "cookie": "a=b"}, True),
        ({"origin": "https://pages.example"}, True),
        ({"cookie": "a=b"}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://evil-relay.example:8001"}, False),
        ({"origin": "https://relay.example:8001.evil.example"}, False),
        ({"origin": "https://relay.example"}, False),
        ({"origin": "http://pages.example"}, False),
        ({"origin": "https://pages.example:8443"}, False),
        ({"origin": ""}, False),
    ],
    ids=str,
)
def test_b6_a_web_page_connects_only_from_this_host_or_from_where_it_may(headers, passes):
    sent = [(name.encode(), value.encode()) for name, value in {"host": HOST_OF_PAGES, **headers}.items()]

    with nullcontext() if passes else pytest.raises(Denied, match="origin_forbidden"):
        refuse_foreign_origin(sent, ["https://pages.example"])


def test_b6_two_origins_are_none():
    sent = [(b"origin", b"https://pages.example")] * 2

    with pytest.raises(Denied, match="origin_forbidden"):
        refuse_foreign_origin(sent, ["https://pages.example"])
