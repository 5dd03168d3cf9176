import pytest

from relay.platforms.addresses import AddressRefused
from relay.platforms.answers import TokenAnswerUnusable
from relay.platforms.binding import origins, refuse_foreign_endpoint

CXONE = "https://cxone.niceincontact.com/.well-known/openid-configuration"


def test_a_credential_goes_to_two_hosts():
    assert origins("https://login.example/oauth/token", "wss://sockets.example/{tenant}/{channel}") == (
        "https://login.example",
        "wss://sockets.example",
    )


@pytest.mark.parametrize("url", ["https://LOGIN.example", "https://login.example:443/", "https://login.example?a=b"])
def test_spelling_and_path_do_not_make_another_host(url):
    assert origins(url, "wss://a/")[0] == "https://login.example"


@pytest.mark.parametrize("url", ["http://login.example", "https://login.example:8443", "https://login.example.evil"])
def test_scheme_port_and_every_part_of_the_name_do(url):
    assert origins(url, "wss://a/")[0] != "https://login.example"


@pytest.mark.parametrize("url", ["", "https://", "https://a..b/", "ftp://a", "https://{tenant}/"])
def test_what_is_no_address_has_no_host(url):
    with pytest.raises(AddressRefused):
        origins(url, "wss://a/")


@pytest.mark.parametrize(
    ("endpoint", "discovery"),
    [
        ("https://cxone.niceincontact.com/auth/token", CXONE),
        ("https://na1.nice-incontact.com/auth/token", CXONE),
        ("https://niceincontact.com/", CXONE),
        ("http://127.0.0.1:8100/auth/token", "http://127.0.0.1:8100/.well-known/openid-configuration"),
        ("https://cxone.niceincontact.com/auth/token", "https://proxy.example/openid"),
    ],
)
def test_a_discovery_document_may_lead_to_its_own_host_and_to_the_platforms(endpoint, discovery):
    refuse_foreign_endpoint(endpoint, discovery)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.example/auth/token",
        "https://evilniceincontact.com/auth/token",
        "https://niceincontact.com.evil.example/auth/token",
        "http://cxone.niceincontact.com/auth/token",
        "https://cxone.niceincontact.com:8443/auth/token",
    ],
)
def test_it_may_lead_nowhere_else(endpoint):
    with pytest.raises(TokenAnswerUnusable, match="only its own host"):
        refuse_foreign_endpoint(endpoint, CXONE)


def test_an_endpoint_that_is_no_address_is_refused():
    with pytest.raises(TokenAnswerUnusable, match="can't be used"):
        refuse_foreign_endpoint("https://a..b/", CXONE)
