import pytest

from controlplane.oauth.client_authentication import TOTAL_ADDRESSES, authenticate_client, client_totals
from tests.tenants.factories import ClientFactory

pytestmark = pytest.mark.django_db
PASSED = TOTAL_ADDRESSES * 2 + 1


@pytest.fixture
def client(acme, settings):
    """A client whose zones are at rest, and let two at once through from an address."""
    settings.TOKEN_CLIENT_PERMITS, settings.TOKEN_CLIENT_BURST = 1, 2
    client_totals.cache_clear()
    yield ClientFactory.create(tenant=acme)
    client_totals.cache_clear()


def test_a_client_that_asks_from_everywhere_is_held_by_one_limit_and_no_other_client_with_it(
    client, acme, ask, refused
):
    for _ in range(PASSED):
        assert authenticate_client(ask(client, {})) == client

    assert refused(authenticate_client, ask(client, {})).status == 429
    other = ClientFactory.create(tenant=acme)
    assert authenticate_client(ask(other, {})) == other


def test_who_does_not_show_the_secret_uses_up_nothing_of_that_limit(client, ask, refused):
    for _ in range(PASSED + 1):
        assert refused(authenticate_client, ask(client, {}, secret="wrong")).status == 401

    assert authenticate_client(ask(client, {})) == client
