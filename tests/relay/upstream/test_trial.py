import asyncio

import msgspec
import pytest
from floodgate_simulator.faults.fault import Fault

from relay.store.refusals import Refused, read_refusals, tell_refused
from relay.upstream import trial
from relay.upstream.trial import try_connection
from tests.relay import records
from tests.relay.eventually import eventually
from tests.relay.upstream.asking import with_credential

pytestmark = pytest.mark.asyncio


async def test_a_credential_that_works_opens_a_socket_and_closes_it_as_rfc_6455_says(redis, genesys, simulator):
    tried = await try_connection(genesys, records.channel(genesys))

    assert tried == [("Main", "issued", "opened, and closed again", True)]
    await eventually(lambda: not any(simulator.simulation.open_connections()))
    assert simulator.simulation.ledger.as_json()["closes"] == {"1000": 1}


async def test_both_flows_of_platforms_are_tried(redis, cxone):
    [tried] = await try_connection(cxone, records.channel(cxone))

    assert tried.works


async def test_where_no_channel_leads_through_it_the_token_alone_is_tried(redis, genesys):
    [tried] = await try_connection(genesys, None)

    assert (tried.token, tried.socket, tried.works) == ("issued", "not tried: no channel leads through it", True)


async def test_without_a_credential_nothing_is_tried(redis, genesys):
    assert await try_connection(msgspec.structs.replace(genesys, credentials=()), records.channel(genesys)) == []


async def test_each_credential_is_tried_and_what_was_learned_is_told_as_relays_tell_it(redis, redis_on_loop, genesys):
    bad = msgspec.structs.replace(with_credential(genesys, client_secret="wrong").credentials[0], id="bad", name="Bad")
    [good] = genesys.credentials
    await tell_refused(redis_on_loop, good.id, Refused(1.0, "before"))

    channel = records.channel(genesys)
    tried = await try_connection(msgspec.structs.replace(genesys, credentials=(bad, good)), channel)

    assert [(one.credential, one.works) for one in tried] == [("Bad", False), (good.name, True)]
    assert (tried[0].token, tried[0].socket) == (
        "the token endpoint answered 401 invalid_client",
        "not tried without a token",
    )
    assert {one: told.why for one, told in read_refusals(["bad", good.id]).items()} == {"bad": tried[0].token}


async def test_what_the_platform_answers_to_the_handshake_is_told_in_its_status(redis, genesys, simulator):
    simulator.simulation.order(Fault(kind="status", target="handshake", status=403, count=2))

    [tried] = await try_connection(genesys, records.channel(genesys))

    assert (tried.token, tried.socket, tried.works) == ("issued", "the platform answered 403", False)
    assert read_refusals([genesys.credentials[0].id])


async def test_a_platform_that_is_nowhere_and_an_address_that_is_none_are_told(redis):
    for nowhere in (records.platform_connection(""), records.platform_connection("http://169.254.169.254")):
        [tried] = await try_connection(nowhere, records.channel(nowhere))

        assert not tried.works
        assert tried.token


async def test_whoever_does_not_answer_is_waited_for_no_longer_than_the_page_may_take(
    redis, genesys, simulator, monkeypatch
):
    monkeypatch.setattr(trial, "TRIAL_SECONDS", 0.2)
    simulator.simulation.order(Fault(kind="hang", target="token", seconds=5))

    async with asyncio.timeout(4):
        [tried] = await try_connection(genesys, None)

    assert (tried.token, tried.works) == ("no answer within 0.2 s", False)


async def test_while_redis_is_away_whoever_asked_is_told_alone(settings, genesys):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    [tried] = await try_connection(genesys, None)

    assert tried.works
