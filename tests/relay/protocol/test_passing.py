import pytest

from relay.protocol.passing import header_name, passed_on

VIA = ("via", "1.1 floodgate")
PASSED = ("user-agent", "traceparent", "x-correlation-id", "correlation-id", "x-request-id", "inin-correlation-id")
OF_ONE_HOP = ("host", "connection", "upgrade", "keep-alive", "te", "trailer", "transfer-encoding", "content-length")
SECRETS = ("authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token", "x-amz-security-token")
ADDRESSES = ("forwarded", "x-forwarded-for", "x_forwarded_for", "x-real-ip", "true-client-ip", "cf-connecting-ip")
HANDSHAKES = ("origin", "expect", "sec-websocket-key", "sec-websocket-protocol")


@pytest.mark.parametrize("name", PASSED)
def test_what_says_who_asks_or_follows_a_request_goes_on(name):
    assert passed_on([(name, "17")], ()) == ((name, "17"), VIA)


@pytest.mark.parametrize("name", [*OF_ONE_HOP, *SECRETS, *ADDRESSES, *HANDSHAKES])
def test_nothing_else_does(name):
    assert passed_on([("user-agent", "crm/2"), (name, "canary")], ()) == (("user-agent", "crm/2"), VIA)


def test_an_administrator_adds_names():
    assert passed_on([("x-shard", "7")], ("x-shard",)) == (("x-shard", "7"), VIA)


@pytest.mark.parametrize("named", ["X-Hop", "keep-alive, Upgrade, X-Hop", "upgrade,\tx-hop , User-Agent"])
def test_what_connection_names_is_of_that_hop_whatever_it_is(named):
    headers = [("connection", named), ("x-hop", "1"), ("x-request-id", "2")]

    assert passed_on(headers, ("x-hop",)) == (("x-request-id", "2"), VIA)


def test_every_proxy_on_the_way_stands_in_one_via():
    assert passed_on([("via", "1.0 edge"), ("via", "1.1 front")], ()) == (
        ("via", "1.0 edge, 1.1 front, 1.1 floodgate"),
    )


@pytest.mark.parametrize("name", ["Cookie", "authorization", "X-Forwarded-For", "sec-websocket-key", "a b", "", "x:y"])
def test_no_setting_adds_what_never_goes_on(name):
    with pytest.raises(ValueError, match="header"):
        header_name(name)


def test_a_name_is_read_in_any_case():
    assert header_name("X-Shard") == "x-shard"
