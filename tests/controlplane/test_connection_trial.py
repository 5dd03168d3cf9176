import re
from urllib.parse import urlencode

import pytest

from tests.browser.addresses import page_of
from tests.controlplane.platform import platform_beside
from tests.relay import records
from tests.tenants.factories import ChannelFactory, PlatformConnectionFactory

pytestmark = pytest.mark.django_db
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def simulator():
    with platform_beside() as simulator:
        yield simulator


@pytest.fixture
def connection(acme, simulator, redis):
    return PlatformConnectionFactory.create(
        tenant=acme,
        name="Genesys",
        token_url=f"{simulator.url}/oauth/token",
        socket_url=f"{simulator.ws_url}/v2/websocket/{{channel}}",
        credential__encrypted_secret=records.platform_connection(simulator.url).credentials[0].encrypted_secret,
    )


@pytest.fixture
def page(connection):
    return page_of(connection, "test")


@pytest.fixture
def asked(simulator):
    """How often the platform was asked for a token in this test."""
    requests = simulator.simulation.ledger.token_requests
    before = requests.total()
    return lambda: requests.total() - before


def test_the_button_asks_first_and_a_link_alone_asks_no_platform(client, root, connection, page, asked):
    ChannelFactory.create(platform_connection=connection, tenant=connection.tenant, name="crm")
    client.force_login(root)

    assert page in client.get(page_of(connection)).content.decode()
    assert "opens a socket to its channel crm" in client.get(page).content.decode()
    assert asked() == 0


def test_what_came_of_it_is_shown_and_of_the_credential_nothing(client, root, connection, page, asked):
    ChannelFactory.create(platform_connection=connection, tenant=connection.tenant, name="echo")
    client.force_login(root)

    answer = client.post(page)

    [tried] = answer.context["tried"]
    assert (tried.works, asked()) == (True, 1)
    assert "opened, and closed again" in answer.content.decode()
    assert "secret" not in answer.content.decode()


def test_one_that_is_switched_off_can_be_tried_before_it_is_used(client, root, connection, page):
    connection.is_active = False
    connection.save()
    client.force_login(root)

    assert client.post(page).context["tried"][0].works


def test_without_an_active_credential_the_page_says_what_to_do(client, root, connection, page, asked):
    connection.credentials.update(is_active=False)
    client.force_login(root)

    assert "It has no active credential" in client.post(page).content.decode()
    assert asked() == 0


def test_nobody_but_administrators_has_a_platform_asked(client, alice, page, asked):
    client.force_login(alice)

    assert client.post(page).status_code in (302, 403)
    assert asked() == 0


@pytest.mark.slow
def test_on_web_itself_the_button_works_as_well(client, root, connection, page, web):
    client.force_login(root)
    session = f"sessionid={client.cookies['sessionid'].value}"
    _, headers, body = web.ask(page, headers={"Cookie": session})
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', body.decode())[1]
    cookies = f"{session}; {headers['Set-Cookie'].partition(';')[0]}"

    status, _, body = web.ask(
        page, form=urlencode({"csrfmiddlewaretoken": token}).encode(), headers={**FORM, "Cookie": cookies}
    )

    assert (status, "Works" in body.decode()) == (200, True)
