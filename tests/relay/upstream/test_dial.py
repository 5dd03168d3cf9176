import asyncio
from contextlib import asynccontextmanager, closing

import msgspec
import pytest
from floodgate_simulator.faults.fault import Fault

from relay.platforms.addresses import AddressRules
from relay.protocol.denials import Denied
from relay.upstream.dial import platform_link
from relay.upstream.tokens import ISOLATED_SECONDS
from tests.relay import records
from tests.relay.eventually import eventually
from tests.relay.integration import answer_of
from tests.relay.running import running_relay
from tests.relay.upstream.asking import asked, source_of, with_credential
from tests.relay.upstream.linking import target

pytestmark = pytest.mark.asyncio
OFFERS = target("")


@pytest.fixture
def dial(tokens):
    """Opens a link to a platform connection, closed at the end of the block."""

    @asynccontextmanager
    async def dial(connection, offers=OFFERS, **fields):
        channel = records.channel(connection, **fields)
        with closing(await platform_link(tokens, channel, connection.credentials[0].id, offers, 2)) as link:
            yield link

    return dial


@pytest.fixture
def denial(dial):
    """What a client is answered when its link cannot be opened: status, code, time to come back."""

    async def denial(connection):
        with pytest.raises(Denied) as denied:
            async with dial(connection):
                pass
        refused = denied.value.denial
        return refused.status, refused.code, dict(refused.headers).get("retry-after")

    return denial


def order(simulator, kind="status", **fields):
    """Let something go wrong with handshakes."""
    simulator.simulation.order(Fault(kind=kind, target="handshake", **fields))


def shaken(simulator):
    """How the platform answered handshakes."""
    return dict(simulator.simulation.ledger.handshakes)


@pytest.fixture
def template_to(simulator):
    """A platform connection whose tokens are the simulator's and whose sockets follow a template to bare bytes."""

    def connection(platform, template):
        socket_url = platform.url.replace("/{channel}", template)
        return records.platform_connection(simulator.url, socket_url=socket_url, platform_tenant="t/1")

    return connection


def leading_to(platform, simulator):
    """A platform connection whose tokens are the simulator's and whose sockets are bare bytes."""
    return records.platform_connection(simulator.url, socket_url=platform.url)


async def test_a_link_is_open_inside_the_block_and_gone_after_it(dial, genesys, simulator):
    async with dial(genesys):
        assert len(list(simulator.simulation.open_connections())) == 1

    await eventually(lambda: not any(simulator.simulation.open_connections()))


async def test_a_link_is_gone_after_the_block_failed(dial, genesys, simulator):
    with pytest.raises(ZeroDivisionError):
        async with dial(genesys):
            raise ZeroDivisionError

    await eventually(lambda: not any(simulator.simulation.open_connections()))


async def test_genesys_is_reached_with_client_credentials(integration_of, genesys):
    connection = await integration_of(platform_connection=genesys).connect()

    await connection.send("good morning")

    assert await answer_of(connection) == "good morning"


async def test_cxone_is_reached_by_its_discovery_and_an_access_key(integration_of, cxone):
    connection = await integration_of(platform_connection=cxone).connect()

    await connection.send("good morning")

    assert await answer_of(connection) == "good morning"


@pytest.mark.parametrize(
    ("asked_for", "path"),
    [
        (("/{channel}", ""), "/a%2Fb%20%3F%23"),
        (("/{tenant}/{channel}", ""), "/t%2F1/a%2Fb%20%3F%23"),
        (("/{channel}", "mode=echo"), "/a%2Fb%20%3F%23?mode=echo"),
        (("/{channel}?v=1", "mode=echo"), "/a%2Fb%20%3F%23?v=1&mode=echo"),
    ],
)
async def test_the_address_is_the_template_filled_in(dial, raw_platform_of, template_to, asked_for, path):
    template, query = asked_for
    platform = await raw_platform_of()

    async with dial(template_to(platform, template), target("", query=query), platform_channel="a/b ?#"):
        head = (await platform.connection()).head

    assert head.startswith(f"GET {path} HTTP/1.1\r\n".encode())


async def test_the_platform_is_called_by_its_own_name_and_with_its_own_token(bare, simulator):
    _, platform = await bare(headers="Forwarded: for=canary\r\nProxy-Authorization: canary\r\n")

    assert b"canary" not in platform.head
    assert platform.head.count(b"\r\nHost: 127.0.0.1:") == platform.head.count(b"\r\nAuthorization: ") == 1


async def test_a_platform_connection_that_is_switched_off_is_asked_for_nothing(denial, genesys, simulator):
    paused = msgspec.structs.replace(genesys, is_active=False)

    assert await denial(paused) == (503, "platform_connection_paused", "32")
    assert (asked(simulator), shaken(simulator)) == ({}, {})


async def test_f33_a_token_that_was_revoked_gives_way_to_a_new_one(dial, genesys, simulator):
    async with dial(genesys):
        simulator.simulation.tokens.revoke("demo-genesys")

    async with dial(genesys):
        assert asked(simulator) == {"200": 2}
    assert shaken(simulator) == {"101": 2, "401": 1}


async def test_f33_many_handshakes_with_a_revoked_token_ask_for_one_new_one(tokens, dial, genesys, simulator):
    await tokens.token_for(source_of(genesys))
    simulator.simulation.tokens.revoke("demo-genesys")

    async def handshake():
        async with dial(genesys):
            pass

    await asyncio.gather(*(handshake() for _ in range(20)))

    assert asked(simulator) == {"200": 2}
    assert shaken(simulator) == {"101": 20, "401": 20}


@pytest.mark.parametrize("status", [401, 403])
async def test_a_platform_that_refuses_a_new_token_too_is_502(denial, genesys, simulator, status):
    order(simulator, status=status)

    assert await denial(genesys) == (502, "platform_refused", None)
    assert asked(simulator) == {"200": 2}
    assert shaken(simulator) == {str(status): 2}


async def test_f31_a_platform_that_throttles_is_asked_once_and_its_time_is_passed_on(denial, genesys, simulator):
    order(simulator, status=429, headers={"Retry-After": "3600"})

    assert await denial(genesys) == (429, "platform_throttled", "59")
    assert (asked(simulator), shaken(simulator)) == ({"200": 1}, {"429": 1})


async def test_a_platform_that_cannot_serve_is_503(denial, genesys, simulator):
    order(simulator, status=503, headers={"Retry-After": "7"})

    assert await denial(genesys) == (503, "platform_unavailable", "9")
    assert (asked(simulator), shaken(simulator)) == ({"200": 1}, {"503": 1})


async def test_a_credential_that_the_platform_does_not_know_is_502(denial, genesys, simulator):
    assert await denial(with_credential(genesys, client_secret="wrong")) == (502, "platform_refused", None)
    assert shaken(simulator) == {}


def isolated_after(tokens):
    """How many credentials are left alone, now and when their time has passed."""
    now, begun = len(tokens.isolated()), tokens.now()
    tokens.now = lambda: begun + ISOLATED_SECONDS
    return now, len(tokens.isolated())


@pytest.mark.parametrize("status", [401, 403])
async def test_c2_a_credential_whose_new_token_is_refused_is_left_alone_for_a_while(
    tokens, denial, genesys, simulator, status
):
    order(simulator, status=status)

    await denial(genesys)

    assert isolated_after(tokens) == (1, 0)


async def test_c2_a_credential_that_the_platform_does_not_know_is_left_alone_for_a_while(tokens, denial, genesys):
    await denial(with_credential(genesys, client_secret="wrong"))

    assert isolated_after(tokens) == (1, 0)


async def test_c2_a_credential_that_may_not_be_sent_is_left_alone_for_a_while(tokens, denial, genesys):
    await denial(msgspec.structs.replace(genesys, socket_url="wss://evil.example/{channel}"))

    assert isolated_after(tokens) == (1, 0)


async def test_c2_a_platform_that_is_overloaded_or_away_says_nothing_of_the_credential(
    tokens, denial, genesys, simulator
):
    for status in (429, 503):
        order(simulator, status=status, count=1)
        await denial(genesys)
    await denial(records.leading_to(genesys, token_url="http://127.0.0.1:1/"))

    assert not tokens.isolated()


async def test_c2_a_revoked_token_that_gives_way_to_a_new_one_isolates_nothing(tokens, dial, genesys, simulator):
    async with dial(genesys):
        simulator.simulation.tokens.revoke("demo-genesys")
    async with dial(genesys):
        assert not tokens.isolated()


async def test_c2_what_is_kept_of_refused_credentials_is_bounded(tokens):
    tokens.most = 3  # 4096

    for number in range(5):
        tokens.isolate(str(number))

    assert sorted(tokens.isolated()) == ["2", "3", "4"]


async def test_c2_a_client_is_let_in_with_the_next_credential_where_the_platform_refuses_one(
    integration_of, genesys, simulator
):
    [good] = genesys.credentials
    [bad] = with_credential(genesys, client_secret="wrong").credentials
    several = (msgspec.structs.replace(bad, id="bad", name="Bad"), good)
    integration = integration_of(platform_connection=msgspec.structs.replace(genesys, credentials=several))

    assert (await integration.refusal()).status_code == 502
    connections = [await integration.connect() for _ in range(3)]

    await connections[-1].send("good morning")
    assert await answer_of(connections[-1]) == "good morning"
    assert asked(simulator)["401"] == 1


async def test_a_platform_that_cuts_the_connection_is_503(denial, genesys, simulator):
    order(simulator, "refuse")

    assert await denial(genesys) == (503, "platform_unreachable", "7")


async def test_f29_a_platform_that_is_not_there_is_503(denial, genesys):
    for fields in ({"token_url": "http://127.0.0.1:1/"}, {"socket_url": "ws://127.0.0.1:1/{channel}"}):
        assert await denial(records.leading_to(genesys, **fields)) == (503, "platform_unreachable", "7")


async def test_f38_a_platform_that_answers_with_garbage_is_503(denial, raw_platform_of, simulator):
    platform = await raw_platform_of(lambda _: b"\xff\x00 garbage\r\n\r\n")

    assert await denial(leading_to(platform, simulator)) == (503, "platform_unreachable", "7")


async def test_a_platform_is_reached_again_as_soon_as_it_is_there(dial, denial, genesys, simulator):
    order(simulator, "refuse", count=1)
    await denial(genesys)

    async with dial(genesys):
        assert shaken(simulator)["101"] == 1


async def test_f29_the_client_gets_a_problem_document_and_the_log_one_line(integration_of, genesys, caplog):
    gone = records.leading_to(genesys, name="acme-genesys", socket_url="ws://127.0.0.1:1/{channel}")

    response = await integration_of(platform_connection=gone).refusal()

    assert (response.status_code, b'"platform_unreachable"' in response.body) == (503, True)
    [line] = [line for line in caplog.messages if "platform_link_failed" in line]  # a slow machine has others
    assert "platform_link_failed" in line
    assert "acme-genesys" in line
    assert "127.0.0.1:1" in line
    assert "Traceback" not in caplog.text


@pytest.fixture
def strict_relay(relays_redis_url, store):
    """A relay of an operator who names no private hosts."""
    with running_relay(relays_redis_url, PLATFORM_ADDRESSES=AddressRules()) as running:
        yield running


NOT_ALLOWED = [
    ("token_url", "http://169.254.169.254/latest", "must begin with https://"),
    ("token_url", "https://169.254.169.254/latest", "where clouds keep their metadata"),
    ("socket_url", "ws://[::ffff:10.0.0.1]/{channel}", "must begin with wss://"),
    ("socket_url", "wss://[::ffff:10.0.0.1]/{channel}", "it leads to 10.0.0.1, private"),
]
NO_ADDRESS = [
    ("token_url", "https://user:canary@platform.example/", "user name"),
    ("socket_url", "wss://2130706433/{channel}", "An IP address must be written"),
]


@pytest.mark.parametrize("given", NOT_ALLOWED)
async def test_s12_an_address_that_is_not_allowed_is_told_to_the_log_alone(integration_of, genesys, caplog, given):
    field, url, why = given
    elsewhere = records.leading_to(genesys, **{field: url})

    response = await integration_of(platform_connection=elsewhere).refusal()

    assert (response.status_code, b'"platform_unreachable"' in response.body) == (503, True)
    assert b"169.254" not in response.body
    assert why in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize("given", NO_ADDRESS)
async def test_s12_what_is_no_address_gets_no_credential(integration_of, genesys, caplog, given):
    field, url, why = given
    elsewhere = msgspec.structs.replace(genesys, **{field: url})

    response = await integration_of(platform_connection=elsewhere).refusal()

    assert (response.status_code, b'"platform_credential_needed"' in response.body) == (502, True)
    assert why in caplog.text
    assert "canary" not in caplog.text


async def test_b4_a_client_is_told_that_the_credential_must_be_entered_and_the_log_for_which_hosts(
    integration_of, genesys, caplog
):
    elsewhere = msgspec.structs.replace(genesys, socket_url="wss://evil.example/{channel}")

    response = await integration_of(platform_connection=elsewhere).refusal()

    assert (response.status_code, b'"platform_credential_needed"' in response.body) == (502, True)
    assert b"evil.example" not in response.body
    assert "not for wss://evil.example. Enter it anew." in caplog.text


@pytest.mark.parametrize("host", ["http://127.0.0.1", "https://localhost"])
async def test_s12_this_machine_is_no_platform_unless_the_operator_names_it(
    strict_relay, integration_of, genesys, caplog, host
):
    local = records.leading_to(genesys, token_url=f"{host}/oauth/token")

    response = await integration_of(strict_relay, platform_connection=local).refusal()

    assert (response.status_code, b'"platform_unreachable"' in response.body) == (503, True)
    assert "Only an operator can allow it" in caplog.text


async def test_s9_the_log_shows_no_secret(tokens, denial, genesys, simulator, caplog):
    caplog.set_level("INFO")
    token = await tokens.token_for(source_of(genesys))
    order(simulator, status=401)

    await denial(genesys)
    await denial(with_credential(genesys, client_secret="canary"))

    assert len(caplog.messages) == 2
    assert not [secret for secret in ("canary", "demo-genesys-secret", token) if secret in caplog.text]


async def test_a_certificate_that_became_none_is_503(tokens, dial, denial, genesys):
    async with dial(genesys):
        pass

    status, code, _ = await denial(msgspec.structs.replace(genesys, ca_certificate="garbage"))

    assert (status, code) == (502, "platform_refused")
