import json
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from relay.store import keys
from relay.store.client_records import FORM, WRITTEN, RecordsMissing, RecordsNewer, load_record, replace_records
from relay.store.pool import StoreUnavailable, blocking
from relay.throttle.policy import Beyond, Counted, Direction
from tests.relay import records

pytestmark = pytest.mark.asyncio
CONNECTION = records.platform_connection("https://platform.example")
RECORD = records.client(CONNECTION)
TENANT = RECORD.tenant_id
OTHER = records.client(CONNECTION, tenant_id=TENANT)


@pytest_asyncio.fixture
async def load(redis, redis_on_loop):
    """Reads one client's record of the tenant."""

    async def load(client_id=RECORD.client_id, tenant_id=TENANT):
        return await load_record(redis_on_loop, tenant_id, client_id)

    return load


def write(encoded, form=FORM):
    """What somebody else might have written of the client."""
    blocking().hset(keys.clients(TENANT), mapping={WRITTEN: form, RECORD.client_id: encoded})


def changed(change):
    """The record as JSON, after ``change`` was made to it."""
    fields = json.loads(msgspec.json.encode(RECORD))
    change(fields)
    return json.dumps(fields)


async def test_a_record_comes_back_as_it_was_written(load):
    replace_records(TENANT, [RECORD, OTHER])

    assert await load() == RECORD
    assert await load(OTHER.client_id) == OTHER


async def test_limits_come_back_as_they_were_written(load):
    strict = records.hourly(
        5,
        name="bytes",
        counted=Counted.BYTES,
        direction=Direction.TO_CLIENT,
        beyond=Beyond.CLOSE,
        close_after_waiting_seconds=30,
    )
    limited = msgspec.structs.replace(RECORD, policies=(records.policy(strict, records.hourly(1), version=7),))

    replace_records(TENANT, [limited])

    assert (await load()).policies == limited.policies


async def test_names_of_any_kind_come_back(load):
    named = msgspec.structs.replace(RECORD, name='Rückruf "größer" \u202e\n\0 🙂')

    replace_records(TENANT, [named])

    assert (await load()).name == named.name


async def test_a_client_that_the_tenant_does_not_have_is_none(load):
    replace_records(TENANT, [RECORD])

    assert await load(str(uuid4())) is None


async def test_a_tenant_without_clients_has_none(load):
    replace_records(TENANT, [])

    assert await load() is None


async def test_records_take_the_place_of_all_that_were_there(load):
    replace_records(TENANT, [RECORD, OTHER])

    replace_records(TENANT, [msgspec.structs.replace(RECORD, is_active=False)])

    assert not (await load()).is_active
    assert await load(OTHER.client_id) is None


async def test_s1_a_client_is_found_in_its_own_tenant_only(load):
    elsewhere = records.client(CONNECTION)
    replace_records(TENANT, [RECORD])
    replace_records(elsewhere.tenant_id, [elsewhere])

    assert await load(tenant_id=elsewhere.tenant_id) is None


async def test_records_that_were_never_written_are_missing(load):
    with pytest.raises(RecordsMissing):
        await load()


@pytest.mark.parametrize("form", ["", "0", "1", "one", "\u0663", "-3", "3x"])
async def test_f50_records_of_a_former_form_are_missing(load, form):
    write(msgspec.json.encode(RECORD), form)

    with pytest.raises(RecordsMissing):
        await load()


@pytest.mark.parametrize("form", ["3", "10", "9" * 5000])
async def test_f50_records_of_a_later_form_are_not_missing_but_newer(load, form):
    write("in whatever form", form)

    with pytest.raises(RecordsNewer):
        await load()


async def test_f50_a_field_that_a_later_version_added_is_left_alone(load):
    write(changed(lambda fields: fields.update(added_later={"deep": [1]})))

    assert await load() == RECORD


@pytest.mark.parametrize(
    "encoded",
    ["", "{", "null", "7", "[]", "{}", '"text"', msgspec.json.encode(RECORD)[:-20], "\0", "NaN"],
    ids=["nothing", "brace", "null", "number", "array", "empty", "text", "truncated", "nul", "nan"],
)
async def test_b70_a_damaged_record_is_missing(load, encoded):
    write(encoded)

    with pytest.raises(RecordsMissing):
        await load()


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.pop("is_active"),
        lambda fields: fields.update(is_active="yes"),
        lambda fields: fields.update(scopes=None),
        lambda fields: fields["channels"][0].pop("platform_connection"),
        lambda fields: fields["channels"][0]["platform_connection"].update(platform="elsewhere"),
    ],
    ids=["field missing", "wrong type", "null", "no connection", "unknown platform"],
)
async def test_b70_a_record_with_a_wrong_field_is_missing(load, change):
    write(changed(change))

    with pytest.raises(RecordsMissing):
        await load()


async def test_b70_a_record_with_a_limit_that_cannot_be_is_missing(load):
    limited = msgspec.structs.replace(RECORD, policies=(records.policy(records.hourly(5)),))
    write(msgspec.json.encode(limited).replace(b'"delay":4', b'"delay":5'))

    with pytest.raises(RecordsMissing):
        await load()


async def test_a_damaged_record_harms_no_other(load):
    replace_records(TENANT, [RECORD, OTHER])
    write("damaged")

    assert await load(OTHER.client_id) == OTHER


async def test_writing_again_mends_damaged_records(load):
    write("damaged", form="2")

    replace_records(TENANT, [RECORD])

    assert await load() == RECORD


async def test_f13_when_redis_is_full_the_former_records_stand(own_server, redis_on_loop):
    replace_records(TENANT, [RECORD])
    blocking().config_set("maxmemory", "1")

    with pytest.raises(StoreUnavailable):
        replace_records(TENANT, [OTHER])

    assert await load_record(redis_on_loop, TENANT, RECORD.client_id) == RECORD


async def test_f9_records_can_neither_be_written_nor_read_while_redis_hangs(own_server, redis_on_loop):
    with own_server.frozen():
        with pytest.raises(StoreUnavailable):
            replace_records(TENANT, [RECORD])
        with pytest.raises(StoreUnavailable):
            await load_record(redis_on_loop, TENANT, RECORD.client_id)
