import asyncio
import json
import time
from contextlib import AsyncExitStack, suppress
from ipaddress import ip_network
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio
import websockets

from relay.gateway.admission import Admission
from relay.protocol.denials import Denied
from relay.sharing.sharing import Sharing
from relay.splicing.waiting import WaitingRoom
from relay.store.client_records import CredentialRecord
from relay.telemetry.counters import Counters
from relay.throttle.policy import Beyond, Counted, Direction, PolicySnapshot, Scope, ZonePolicy, default_zones
from tests.relay import records
from tests.relay.eventually import turns
from tests.relay.records import hourly, policy
from tests.relay.running import running_relay

pytestmark = pytest.mark.asyncio
ADDRESS = "192.0.2.7"
PLATFORM = records.platform_connection("http://platform.example")
HANDSHAKES = {"counted": Counted.HANDSHAKES, "beyond": Beyond.REJECT}
CONNECTIONS = {"counted": Counted.OPEN_CONNECTIONS, "beyond": Beyond.REJECT}


@pytest_asyncio.fixture
async def sharing(redis):
    """What processes share, as the only one there is."""
    shared = Sharing(WaitingRoom(asyncio.get_running_loop()))
    yield shared
    await shared.aclose()


@pytest.fixture
def admission_of(sharing):
    """Makes admissions; the figures limit handshakes of one address."""
    return lambda permits=1_000_000, burst=1_000_000, counters=None, isolated=(): Admission(
        permits, burst, counters or Counters(), sharing, lambda: isolated
    )


@pytest.fixture
def admission(admission_of):
    return admission_of()


def client(*zones, platform=PLATFORM, **changes):
    return records.client(platform, **({"policies": (policy(*zones),)} | changes))


async def enter(admission, record, stack, address=ADDRESS):
    """One handshake of a client that stays open until the stack ends."""
    return await stack.enter_async_context(admission.admitted(record, record.channels[0], address))


async def refusal_of(admission, record):
    """The denial of a client's next handshake."""
    async with AsyncExitStack() as stack:
        with pytest.raises(Denied) as refused:
            await enter(admission, record, stack)
    return refused.value.denial


async def test_an_address_is_refused_beyond_its_burst_and_told_when_to_come_back(admission_of):
    admission = admission_of(1, 3)
    for _ in range(4):
        admission.admit_address(ADDRESS)

    with pytest.raises(Denied) as refused:
        admission.admit_address(ADDRESS)

    denial = refused.value.denial
    assert (denial.status, denial.members["violated-policies"]) == (429, ["address_handshakes"])
    assert dict(denial.headers)["ratelimit-policy"] == '"address_handshakes";q=1;w=1'


async def test_a_refused_address_is_counted_as_nobodys(admission_of):
    counters = Counters()
    admission = admission_of(1, 0, counters)
    admission.admit_address(ADDRESS)

    with pytest.raises(Denied):
        admission.admit_address(ADDRESS)

    [(key, counter)] = counters.throttles.items()
    assert (key, counter.refused) == (("", "", "", ("address", 0, "address_handshakes")), 1)


async def test_s25_another_address_is_not_held_responsible(admission_of):
    admission = admission_of(1, 0)
    admission.admit_address(ADDRESS)

    admission.admit_address("192.0.2.8")


async def test_a_refused_handshake_is_charged_in_no_zone(admission):
    shared, tenant = policy(hourly(2, name="tenant", scope=Scope.TENANT, **HANDSHAKES)), "5c1d"
    greedy = client(tenant_id=tenant, policies=(policy(hourly(1, **HANDSHAKES)), shared))
    modest = client(tenant_id=tenant, policies=(shared,))

    async with AsyncExitStack() as stack:
        await enter(admission, greedy, stack)
        assert [(await refusal_of(admission, greedy)).members["violated-policies"] for _ in range(3)] == [
            ["client"]
        ] * 3
        await enter(admission, modest, stack)

    assert (await refusal_of(admission, modest)).members["violated-policies"] == ["tenant"]


async def test_a_handshake_beyond_the_delay_waits_for_its_turn(admission):
    record, began_at = client(ZonePolicy(name="client", permits=20, burst=2, **HANDSHAKES)), time.monotonic()

    async with AsyncExitStack() as stack:
        await asyncio.gather(*(enter(admission, record, stack) for _ in range(3)))

    assert time.monotonic() - began_at >= 0.09


@pytest.mark.parametrize(
    ("zone", "counted"),
    [
        ({"permits": 1} | HANDSHAKES, (0, 1)),
        ({"permits": 1} | CONNECTIONS, (0, 1)),
        ({"permits": 20, "burst": 2} | HANDSHAKES, (1, 0)),
    ],
    ids=["refused", "refused_by_a_cap", "waited"],
)
async def test_what_a_zone_does_to_handshakes_is_counted_for_it(zone, counted, admission_of):
    counters = Counters()
    record = client(policies=(policy(ZonePolicy(name="client", **zone), version=7),))
    admission = admission_of(counters=counters)

    async with AsyncExitStack() as stack:
        for _ in range(2):
            with suppress(Denied):
                await enter(admission, record, stack)

    [(key, counter)] = counters.throttles.items()
    assert (key.tenant_id, key.client_id, key.channel_id) == (record.tenant_id, record.client_id, record.channels[0].id)
    assert (key.source.version, key.source.zone) == (7, "client")
    assert (counter.waited, counter.refused) == counted


async def test_a_full_cap_refuses_without_charging_the_handshake(admission):
    record = client(hourly(2, **HANDSHAKES), ZonePolicy(name="open", permits=1, **CONNECTIONS))

    async with AsyncExitStack() as stack:
        await enter(admission, record, stack)
        denials = [await refusal_of(admission, record) for _ in range(3)]

    assert [denial.members["violated-policies"] for denial in denials] == [["open"]] * 3
    async with AsyncExitStack() as stack:
        await enter(admission, record, stack)


async def test_b8_a_full_cap_says_that_it_counts_what_is_open(admission):
    record = client(ZonePolicy(name="open", permits=1, **CONNECTIONS))

    async with AsyncExitStack() as stack:
        await enter(admission, record, stack)
        headers = dict((await refusal_of(admission, record)).headers)

    assert (headers["ratelimit-policy"], headers["ratelimit"]) == ('"open";q=1;qu="concurrent-requests"', '"open";r=0')
    assert 5 <= int(headers["retry-after"]) <= 8


async def test_a_zone_by_address_holds_an_ipv6_network_as_the_one_subscriber_it_is(admission):
    record = client(hourly(1, name="address", scope=Scope.ADDRESS, **HANDSHAKES))

    async with AsyncExitStack() as stack:
        await enter(admission, record, stack, "2001:db8:1:2::3")
        with pytest.raises(Denied):
            await enter(admission, record, stack, "2001:db8:1:2:ffff::4")
        await enter(admission, record, stack, "2001:db8:1:3::3")


async def test_a_zone_by_address_takes_a_mapped_ipv4_address_for_the_address_itself(admission):
    record = client(hourly(1, name="address", scope=Scope.ADDRESS, **HANDSHAKES))

    async with AsyncExitStack() as stack:
        await enter(admission, record, stack, "::ffff:192.0.2.7")
        with pytest.raises(Denied):
            await enter(admission, record, stack, "192.0.2.7")
        await enter(admission, record, stack, "::ffff:192.0.2.8")


async def test_a_credentials_cap_counts_the_connections_of_all_its_clients(admission):
    same = {"policies": (PolicySnapshot("default", 0, default_zones()),), "tenant_id": str(uuid4())}

    async with AsyncExitStack() as stack:
        for _ in range(10):
            await enter(admission, client(**same), stack)
        denial = await refusal_of(admission, client(**same))

    assert denial.members["violated-policies"] == ["credential_connections"]


async def test_limits_are_those_of_client_channel_and_platform_connection_by_direction(admission):
    back = policy(
        hourly(1, name="back", direction=Direction.TO_CLIENT), hourly(1, name="pings", counted="control_frames")
    )
    connection = records.platform_connection("http://p", policies=(policy(hourly(1, name="credential")),))
    channel = records.channel(connection, policies=(back,))
    record = client(hourly(1), hourly(9, name="bytes", counted=Counted.BYTES), channels=(channel,))

    async with AsyncExitStack() as stack:
        limits = admission.limits(record, channel, (await enter(admission, record, stack)).scope_ids)

    assert names(limits.to_platform) == (["client", "bytes", "credential"], ["bytes"], ["bytes", "pings"])
    assert names(limits.to_client) == (["back"], [], [])


def names(frame_limits):
    return tuple([zone.policy.name for zone in limiter.zones] for limiter in frame_limits)


async def test_a_zone_at_rest_is_forgotten_and_one_in_use_is_not(admission_of):
    admission = admission_of(burst=0)
    used_up = admission_of(1, 0)
    admission.admit_address(ADDRESS)
    used_up.admit_address(ADDRESS)

    admission.forget_those_at_rest()
    used_up.forget_those_at_rest()

    assert (len(admission.zones), len(used_up.zones)) == (0, 1)


async def test_f45_those_who_are_refused_together_are_told_four_different_seconds(admission):
    record = client(hourly(1, **HANDSHAKES))

    async with AsyncExitStack() as stack:
        await enter(admission, record, stack)
        told = [dict((await refusal_of(admission, record)).headers)["retry-after"] for _ in range(8)]

    assert sorted(told) == sorted(2 * ["57", "58", "59", "60"])


async def test_l2_of_sixty_handshakes_at_once_a_burst_of_ten_lets_eleven_in(integration_of):
    integration = integration_of(policies=(policy(hourly(11, name="client_handshakes", **HANDSHAKES)),))
    await integration.connect()
    headers = integration.headers()

    connecting = (integration.connect(additional_headers=headers) for _ in range(59))
    outcomes = await asyncio.gather(*connecting, return_exceptions=True)

    refused = [outcome.response for outcome in outcomes if isinstance(outcome, websockets.InvalidStatus)]
    assert (len(outcomes) - len(refused), len(refused)) == (10, 49)
    assert {response.status_code for response in refused} == {429}


async def test_b7_a_refused_handshake_says_which_limit_how_much_and_until_when(integration_of):
    integration = integration_of(policies=(policy(hourly(1, name="client_handshakes", **HANDSHAKES)),))
    await integration.connect()

    response = await integration.refusal()

    problem, retry_after = json.loads(response.body), int(response.headers["Retry-After"])
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert (problem["violated-policies"], problem["code"]) == (["client_handshakes"], "rate_limited")
    assert problem["retry_after_ms"] == retry_after * 1000
    assert response.headers["RateLimit-Policy"] == '"client_handshakes";q=1;w=3600'
    assert response.headers["RateLimit"].startswith('"client_handshakes";r=0;t=')


async def test_s26_an_address_is_refused_before_any_token_is_looked_at_whatever_it_claims_to_be(
    relays_redis_url, integration_of
):
    with running_relay(relays_redis_url, ADDRESS_HANDSHAKE_PERMITS=1, ADDRESS_HANDSHAKE_BURST=2) as relay:
        integration = integration_of(relay)
        claims = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(4)]

        answers = [await integration.refusal(additional_headers=claim) for claim in claims]

        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert answers[3].headers["RateLimit-Policy"] == '"address_handshakes";q=1;w=1'
        assert (await integration.refusal("/nowhere")).status_code == 429


async def test_eight_addresses_of_one_ipv6_network_share_a_policys_zone_by_address(
    relays_redis_url, integration_of, settings
):
    settings.TRUSTED_PROXIES = (ip_network("127.0.0.0/8"),)
    zone = hourly(3, name="address", scope=Scope.ADDRESS, direction=Direction.TO_PLATFORM)
    with running_relay(relays_redis_url) as relay:
        integration = integration_of(relay, policies=(policy(zone),))
        neighbours = [
            await integration.connect(
                additional_headers=integration.headers() | {"X-Forwarded-For": f"2001:db8:1:2::{number}"}
            )
            for number in range(1, 9)
        ]

        for neighbour in neighbours:
            await neighbour.send("x")

        answers = [asyncio.create_task(neighbour.recv()) for neighbour in neighbours]
        answered, waiting = await asyncio.wait(answers, timeout=1)
        for task in waiting:
            task.cancel()
        assert len(answered) == 3


def cap_of(scope):
    """A limit that one open connection fills."""
    return ZonePolicy(name="each", scope=scope, counted=Counted.OPEN_CONNECTIONS, permits=1, beyond=Beyond.REJECT)


def with_credentials(*named):
    """A client of an account with several credentials."""
    credentials = tuple(CredentialRecord(id=name, name=name, encrypted_secret="") for name in named)
    return client(platform=msgspec.structs.replace(PLATFORM, credentials=credentials))


async def test_c2_connections_are_spread_over_credentials_and_return_them(admission):
    record = with_credentials("a", "b")

    async with AsyncExitStack() as stack:
        chosen = [(await enter(admission, record, stack)).credential_id for _ in range(4)]
    async with AsyncExitStack() as stack:
        again = (await enter(admission, record, stack)).credential_id

    assert (chosen, again) == (["a", "b", "a", "b"], "a")


async def test_c2_a_credential_that_the_platform_refused_gets_no_connection(admission_of):
    async with AsyncExitStack() as stack:
        place = await enter(admission_of(isolated={"a"}), with_credentials("a", "b"), stack)

    assert place.credential_id == "b"


async def test_c2_without_a_credential_a_handshake_is_refused_before_it_is_charged(admission):
    denial = await refusal_of(admission, with_credentials())

    assert (denial.status, denial.code) == (502, "platform_credential_needed")


@pytest.mark.parametrize(("scope", "room"), [(Scope.CREDENTIAL, 2), (Scope.CLIENT, 1)])
async def test_c2_each_credential_has_its_own_part_of_a_limit_for_credentials_alone(admission, scope, room):
    record = msgspec.structs.replace(with_credentials("a", "b"), policies=(policy(cap_of(scope)),))

    async with AsyncExitStack() as stack:
        for _ in range(room):
            await enter(admission, record, stack)
        denial = await refusal_of(admission, record)

    assert denial.members["violated-policies"] == ["each"]


async def test_c2_the_policy_of_a_credential_holds_those_who_use_it(admission):
    [one] = PLATFORM.credentials
    limited = msgspec.structs.replace(
        PLATFORM, credentials=(msgspec.structs.replace(one, policies=(policy(cap_of(Scope.CREDENTIAL)),)),)
    )
    record = client(platform=limited)

    async with AsyncExitStack() as stack:
        await enter(admission, record, stack)
        denial = await refusal_of(admission, record)

    assert denial.members["violated-policies"] == ["each"]


async def test_c2_a_credential_that_other_processes_fill_makes_way_for_the_next(admission, admission_of):
    counters = Counters()
    record = msgspec.structs.replace(with_credentials("a", "b"), policies=(policy(cap_of(Scope.CREDENTIAL)),))

    async with AsyncExitStack() as stack:
        await enter(admission, record, stack)  # the other admission knows only what is shared of it
        place = await enter(admission_of(counters=counters), record, stack)

    assert place.credential_id == "b"
    assert not counters.throttles  # nobody was refused


async def test_c2_a_handshake_that_leaves_while_it_waits_gives_its_credential_back(admission):
    record = msgspec.structs.replace(with_credentials("a", "b"), policies=(policy(hourly(1, burst=2, **HANDSHAKES)),))

    async with AsyncExitStack() as stack:
        await enter(admission, record, stack)
        waiting = asyncio.create_task(enter(admission, record, stack))
        await turns(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        other = msgspec.structs.replace(record, policies=())
        chosen = [(await enter(admission, other, stack)).credential_id for _ in range(2)]

    assert chosen == ["b", "a"]
