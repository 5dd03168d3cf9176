import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from relay.protocol.denials import Denied
from relay.store import keys
from relay.store.announcements import announce
from relay.store.client_records import FORM, WRITTEN, replace_records
from relay.store.pool import blocking
from relay.store.receipts import note_announced
from relay.store.revocations import list_revoked_tokens
from tenants.models.tokens import RevokedToken
from tests.relay import records
from tests.relay.eventually import eventually
from tests.relay.gateway.audience import (
    FAR_FUTURE,
    following,
    identity_of,
    receipt_of,
    rewritten,
    task_names,
    written,
)

pytestmark = pytest.mark.asyncio
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
FIVE_MINUTES_ON = datetime.now(UTC) + timedelta(minutes=5)
UNKNOWN, UNAVAILABLE = (401, "invalid_token"), (503, "store_unavailable")


@pytest.fixture
def no_database(stored_client, database_server):
    """A database that lets nobody in: what Redis lacks can't be rebuilt."""
    database_server('ALTER DATABASE "{}" ALLOW_CONNECTIONS false')
    database_server(END_SESSIONS)


async def refusal(policies, identity):
    """Status and code of a client that is not let in."""
    with pytest.raises(Denied) as refused:
        await policies.client_of(identity)
    return refused.value.denial.status, refused.value.denial.code


def followers():
    """Who waits for announcements in the test's own database of Redis."""
    own = blocking().client_info()["db"]
    return [each for each in blocking().client_list() if (each["cmd"], int(each["db"])) == ("xread", own)]


async def test_a_client_is_known_by_the_record_that_was_written(redis, policies):
    record = written()

    assert await policies.client_of(identity_of(record)) == record


async def test_l14_a_client_that_is_known_costs_no_further_look_into_redis(redis, policies):
    identity = identity_of(written())
    await policies.client_of(identity)
    before = blocking().info("commandstats")["cmdstat_hmget"]

    for _ in range(3):
        await policies.client_of(identity)

    assert blocking().info("commandstats")["cmdstat_hmget"] == before


async def test_a_token_from_the_very_moment_counts_and_one_from_before_does_not(redis, policies):
    record = written(tokens_valid_from=1000.0)

    assert await policies.client_of(identity_of(record, issued_at=1000.0)) == record
    assert await refusal(policies, identity_of(record, issued_at=999.9)) == UNKNOWN


async def test_a_revoked_token_is_refused_and_others_of_the_client_are_not(redis, policies):
    record = written()
    list_revoked_tokens(record.tenant_id, {"t1": FAR_FUTURE})

    assert await refusal(policies, identity_of(record)) == UNKNOWN
    assert await policies.client_of(identity_of(record, token_id="t2")) == record


async def test_a_disabled_client_is_refused(redis, policies):
    assert await refusal(policies, identity_of(written(is_active=False))) == UNKNOWN


async def test_s1_a_client_is_not_found_under_another_tenant(redis, policies):
    umbrella, record = str(uuid4()), written()
    replace_records(umbrella, [])

    assert await refusal(policies, identity_of(record, tenant_id=umbrella)) == UNKNOWN


async def test_records_that_redis_lost_are_built_again_from_the_database(stored_client, policies):
    record = await policies.client_of(identity_of(stored_client))

    assert (record.client_id, record.name) == (stored_client.client_id, stored_client.name)
    assert blocking().hget(keys.clients(record.tenant_id), WRITTEN) == FORM


async def test_a_revocation_that_redis_lost_is_built_again_with_the_records(stored_client, policies):
    await RevokedToken.objects.acreate(token_id="t1", tenant_id=stored_client.tenant_id, ends_at=FIVE_MINUTES_ON)

    assert await refusal(policies, identity_of(stored_client)) == UNKNOWN
    assert (await policies.client_of(identity_of(stored_client, token_id="t2"))).name == stored_client.name


async def test_a_client_that_the_database_does_not_know_either_is_refused(stored_client, policies):
    assert await refusal(policies, identity_of(stored_client, client_id="gone")) == UNKNOWN


@pytest.mark.parametrize("damaged", ["", "canary", "[]", '{"client_id": "x"}'])
async def test_b70_a_damaged_record_is_built_again_from_the_database(stored_client, policies, damaged):
    fields = {WRITTEN: FORM, stored_client.client_id: damaged}
    blocking().hset(keys.clients(str(stored_client.tenant_id)), mapping=fields)

    assert (await policies.client_of(identity_of(stored_client))).name == stored_client.name


async def test_f50_records_in_another_form_are_built_again_from_the_database(stored_client, policies):
    blocking().hset(keys.clients(str(stored_client.tenant_id)), WRITTEN, "another")

    assert (await policies.client_of(identity_of(stored_client))).name == stored_client.name


async def test_f50_records_of_a_later_release_are_left_alone(stored_client, policies):
    where, later = keys.clients(str(stored_client.tenant_id)), {WRITTEN: "3", stored_client.client_id: "{}"}
    blocking().hset(where, mapping=later)

    assert await refusal(policies, identity_of(stored_client)) == UNAVAILABLE
    assert (blocking().hgetall(where), blocking().xlen(keys.announcements())) == (later, 0)


async def test_handshakes_that_wait_share_one_rebuild(stored_client, policies):
    found = await asyncio.gather(*(policies.client_of(identity_of(stored_client)) for _ in range(8)))

    assert {record.client_id for record in found} == {stored_client.client_id}
    assert blocking().xlen(keys.announcements()) == 1


async def test_a_handshake_that_leaves_does_not_end_the_rebuild_of_the_others(stored_client, policies):
    leaver, other = (asyncio.create_task(policies.client_of(identity_of(stored_client))) for _ in range(2))
    await eventually(lambda: any(task.get_name().startswith("rebuild of") for task in asyncio.all_tasks()))

    leaver.cancel()

    assert (await other).client_id == stored_client.client_id
    assert leaver.cancelled()


async def test_f18_without_records_and_database_the_answer_is_503(stored_client, policies, database_server):
    database_server('ALTER DATABASE "{}" ALLOW_CONNECTIONS false')
    database_server(END_SESSIONS)

    assert await refusal(policies, identity_of(stored_client)) == UNAVAILABLE


async def test_f19_a_database_that_was_away_is_asked_again(stored_client, policies, database_server):
    await policies.client_of(identity_of(stored_client))
    blocking().delete(keys.clients(str(stored_client.tenant_id)))
    database_server(END_SESSIONS)

    outcomes = [await refusal(policies, identity_of(stored_client, client_id="gone")) for _ in range(9)]

    assert outcomes[-1] == UNKNOWN


async def test_f8_without_redis_the_known_are_known_and_the_others_told_503(own_server, policies):
    known, other = written(), written()
    await policies.client_of(identity_of(known))

    own_server.end()

    assert await policies.client_of(identity_of(known)) == known
    assert await refusal(policies, identity_of(other)) == UNAVAILABLE


async def test_a_change_is_heard_and_told_to_those_who_are_connected(redis, policies, audience):
    record = written()

    async with following(policies, audience, record):
        changed = rewritten(record, name="Renamed")
        announce(record.tenant_id)
        await eventually(lambda: audience.told == [record.tenant_id])

    assert policies.known(identity_of(record)) == changed


async def test_a_change_without_an_announcement_is_not_heard(redis, policies, audience):
    record, announced = written(), written()

    async with following(policies, audience, record, announced):
        rewritten(record, name="Renamed")
        announce(announced.tenant_id)
        await eventually(lambda: audience.told == [announced.tenant_id])

    assert policies.known(identity_of(record)) == record


async def test_a_client_that_is_not_connected_is_looked_up_when_it_comes_back(redis, policies, audience):
    record = written()
    await policies.client_of(identity_of(record))

    async with following(policies, audience):
        changed = rewritten(record, name="Renamed")
        announce(record.tenant_id)
        await eventually(lambda: policies.known(identity_of(record)) is None)

    assert await policies.client_of(identity_of(record)) == changed


async def test_a_client_that_vanished_is_known_no_more(redis, policies, audience):
    record = written()

    async with following(policies, audience, record):
        replace_records(record.tenant_id, [])
        announce(record.tenant_id)
        await eventually(lambda: audience.told)

    assert policies.known(identity_of(record)) is None


async def test_f17_a_change_while_the_follower_was_cut_off_is_heard(redis, policies, audience):
    record = written()

    async with following(policies, audience, record):
        await eventually(followers)
        changed = rewritten(record, name="Renamed")
        blocking().client_kill_filter(_type="normal", skipme=True)  # the follower's, and those that load records
        await eventually(lambda: policies.known(identity_of(record)) == changed)

    assert set(audience.told) == {record.tenant_id}


async def test_an_applied_change_is_confirmed_with_the_versions_to_which_clients_are_held(redis, policies, audience):
    record = written(policies=(records.policy(version=12, policy_id="web-chat"),))

    async with following(policies, audience, record):
        entry_id = announce(record.tenant_id)
        receipt = await receipt_of(record.tenant_id, entry_id)

    assert [(one.version, one.is_held) for one in receipt.enforced.values()] == [(12, True)]
    assert audience.told == [record.tenant_id]


async def test_where_clients_are_held_to_several_versions_the_lowest_is_confirmed(redis, policies, audience):
    old = written(policies=(records.policy(version=11, policy_id="web-chat"),))
    new = written(tenant_id=old.tenant_id, policies=(records.policy(version=12, policy_id="web-chat"),))
    replace_records(old.tenant_id, [old, new])

    async with following(policies, audience, old, new):
        receipt = await receipt_of(old.tenant_id, announce(old.tenant_id))

    assert receipt.enforced["web-chat"].version == 11


async def test_a_tenant_of_which_nobody_is_here_is_confirmed_at_once(redis, policies, audience):
    note_announced("acme", first := announce("acme"), {"web-chat": 12})

    async with following(policies, audience):
        assert (await receipt_of("acme", first)).enforced["web-chat"].version == 12
        assert (await receipt_of("acme", announce("acme"))).enforced["web-chat"].version == 12


async def test_b70_a_receipt_that_redis_does_not_take_stops_no_reload(redis, policies, audience):
    record = written()
    blocking().set(keys.receipts(record.tenant_id), "canary")

    async with following(policies, audience, record):
        for told in (1, 2):
            announce(record.tenant_id)
            await eventually(lambda told=told: len(audience.told) == told)


async def test_a_record_that_is_being_looked_up_when_a_change_comes_is_looked_up_again(
    stored_client, policies, audience, locked_tenant
):
    tenant_id = str(stored_client.tenant_id)
    async with following(policies, audience):
        looking_up = asyncio.create_task(policies.client_of(identity_of(stored_client)))
        await eventually(lambda: f"rebuild of {tenant_id}" in task_names())

        announce(tenant_id)

        await eventually(lambda: f"reload of {tenant_id}" in task_names())
        locked_tenant.rollback()
        await looking_up
        await eventually(lambda: tenant_id in audience.told)


async def test_a_tenant_whose_records_stay_damaged_keeps_its_former_ones_and_others_follow(
    redis, policies, audience, no_database
):
    damaged, good = written(), written()

    async with following(policies, audience, damaged, good):
        blocking().hset(keys.clients(damaged.tenant_id), damaged.client_id, "canary")
        announce(damaged.tenant_id)
        await eventually(lambda: damaged.tenant_id in audience.told)
        changed = rewritten(good, name="Renamed")
        announce(good.tenant_id)
        await eventually(lambda: policies.known(identity_of(good)) == changed)

        assert policies.known(identity_of(damaged)) == damaged


async def test_a_revocation_holds_even_where_the_tenants_records_are_damaged(redis, policies, audience, no_database):
    record = written()

    async with following(policies, audience, record):
        blocking().hset(keys.clients(record.tenant_id), record.client_id, "canary")
        list_revoked_tokens(record.tenant_id, {"t1": FAR_FUTURE})
        announce(record.tenant_id)
        await eventually(lambda: audience.told)

        assert not policies.is_valid(identity_of(record), record)
        assert policies.is_valid(identity_of(record, token_id="t2"), record)


async def test_a_token_that_a_relay_knows_as_revoked_stays_so_while_redis_has_lost_the_list(redis, policies, audience):
    record = written()

    async with following(policies, audience, record):
        list_revoked_tokens(record.tenant_id, {"t1": FAR_FUTURE})
        announce(record.tenant_id)
        await eventually(lambda: len(audience.told) == 1)
        blocking().delete(keys.revoked_tokens(record.tenant_id))
        announce(record.tenant_id)
        await eventually(lambda: len(audience.told) == 2)

        assert not policies.is_valid(identity_of(record), record)


async def test_a_change_that_cannot_be_applied_to_one_tenants_connections_is_applied_to_anothers(
    redis, policies, audience
):
    broken, good = written(), written()

    async with following(policies, audience, broken, good):
        audience.breaks_at = broken.tenant_id
        announce(broken.tenant_id)
        announce(good.tenant_id)
        await eventually(lambda: audience.told == [good.tenant_id])

        audience.breaks_at = ""
        await eventually(lambda: audience.told == [good.tenant_id, broken.tenant_id])


async def test_of_tenants_that_are_gone_nothing_is_kept(redis, policies, audience):
    gone = [written() for _ in range(20)]
    for record in gone:
        list_revoked_tokens(record.tenant_id, {"t1": FAR_FUTURE})
        await policies.client_of(identity_of(record, token_id="t2"))
    assert policies.held == (20, 20)

    async with following(policies, audience):
        for record in gone:
            announce(record.tenant_id)
        await eventually(lambda: policies.held == (0, 0))


async def test_of_tenants_that_do_not_exist_nothing_is_kept(redis, policies):
    for _ in range(20):
        record = written()
        await refusal(policies, identity_of(record, client_id="gone"))

    assert policies.held == (0, 0)


async def test_no_more_records_are_kept_than_needed_but_all_of_those_who_are_here(redis, policies, audience):
    policies.most_records = 10
    here = [written() for _ in range(5)]
    for record in here:
        audience.connected[record.tenant_id] = {record.client_id}

    for record in (*here, *(written() for _ in range(30))):
        await policies.client_of(identity_of(record))

    assert policies.held == (10, 10)
    assert all(policies.known(identity_of(record)) for record in here)


async def test_one_rebuild_that_takes_for_ever_holds_one_thread_however_many_ask(
    stored_client, policies, locked_tenant
):
    policies.rebuild_seconds = 0.05
    for _ in range(3):
        assert await refusal(policies, identity_of(stored_client)) == UNAVAILABLE

    assert [name for name in task_names() if name.startswith("rebuild of")] == [f"rebuild of {stored_client.tenant_id}"]
    locked_tenant.rollback()
    await eventually(lambda: not any(name.startswith("rebuild of") for name in task_names()))
