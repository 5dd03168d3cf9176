import asyncio
import json
from uuid import uuid4

import pytest
import pytest_asyncio

from relay.process.tasks import end_tasks
from relay.store import keys
from relay.store.announcements import announce
from relay.store.pool import StoreUnavailable, blocking
from relay.store.receipts import KEPT_MS, Announced, Receipts, note_announced, read_receipts
from tests.relay.eventually import eventually

pytestmark = pytest.mark.asyncio
TENANT, POLICY, OTHER = (str(uuid4()) for _ in range(3))
WORKER = "7-5f1c"
LONG_AGO = "1000-0"


@pytest_asyncio.fixture
async def worker(redis, redis_on_loop):
    """What a relay process says, from its start on; ``worker(name)`` is one more."""
    tasks = []

    def start(name=WORKER, after=LONG_AGO):
        receipts = Receipts(redis_on_loop, name)
        receipts.begin(after, set())
        tasks.append(asyncio.create_task(receipts.send_for_ever()))
        return receipts

    yield start
    await end_tasks(tasks)


def published(version):
    """Announce a version as tenants' actions do; answers the announcement's id."""
    entry_id = announce(TENANT)
    note_announced(TENANT, entry_id, {POLICY: version})
    return entry_id


def redis_ms():
    seconds, microseconds = blocking().time()
    return 1000 * seconds + microseconds // 1000


async def confirmed(entry_id, name=WORKER):
    """The receipt that covers an announcement, once it is there."""
    found = await eventually(
        lambda: [
            receipt
            for worker, receipt in read_receipts(TENANT).receipts.items()
            if (worker, receipt.entry_id) == (name, entry_id)
        ]
    )
    return found[0]


def since_ms(receipt):
    """Since when it enforces what is announced of the policy."""
    return receipt.enforces_since_ms(POLICY, read_receipts(TENANT).announced[POLICY])


async def test_a_version_is_confirmed_with_the_time_of_redis(worker):
    before_ms, entry_id = redis_ms(), published(12)

    worker().apply(TENANT, entry_id, {POLICY: 12})

    assert before_ms <= since_ms(await confirmed(entry_id)) <= redis_ms()


async def test_who_has_no_client_of_a_tenant_enforces_what_was_announced(worker):
    entry_id = published(12)

    worker().apply(TENANT, entry_id, {})

    assert since_ms(await confirmed(entry_id)) is not None


async def test_who_holds_a_client_to_another_version_has_not_confirmed_whatever_it_applied(worker):
    entry_id = published(12)

    worker().apply(TENANT, entry_id, {POLICY: 11})

    receipt = await confirmed(entry_id)
    assert since_ms(receipt) is None
    assert receipt.enforced[POLICY].version == 11


async def test_an_older_announcement_confirms_no_later_version(worker):
    before = announce(TENANT)
    published(12)

    worker().apply(TENANT, before, {})

    assert since_ms(await confirmed(before)) is None


async def test_a_later_announcement_of_the_same_version_leaves_its_times(worker):
    speaker, first = worker(), published(12)
    speaker.apply(TENANT, first, {POLICY: 12})
    receipt = await confirmed(first)
    announced, since = read_receipts(TENANT).announced, since_ms(receipt)

    again = published(12)
    speaker.apply(TENANT, again, {POLICY: 12})

    assert since_ms(await confirmed(again)) == since
    assert read_receipts(TENANT).announced == announced == {POLICY: Announced(12, first)}


async def test_what_is_written_down_after_it_was_applied_counts_from_then(worker):
    speaker = worker()
    first = announce(TENANT)
    speaker.apply(TENANT, first, {})
    applied_ms = (await confirmed(first)).applied_ms

    note_announced(TENANT, first, {POLICY: 12})
    receipt = await confirmed(first)
    assert since_ms(receipt) == applied_ms

    speaker.apply(TENANT, second := announce(TENANT), {})
    assert since_ms(await confirmed(second)) == applied_ms


async def test_an_older_word_that_comes_late_takes_nothing_back(worker):
    speaker, first, second = worker(), published(11), published(12)
    speaker.apply(TENANT, second, {POLICY: 12})
    receipt = await confirmed(second)

    speaker.apply(TENANT, first, {POLICY: 12})
    worker("other").apply(TENANT, first, {})
    await confirmed(first, "other")

    assert read_receipts(TENANT).receipts[WORKER] == receipt


async def test_who_begins_confirms_for_all_tenants_but_those_that_it_knows(worker):
    published(12)
    announce(OTHER)

    worker(after=announce("last")).begin(announce("last"), {OTHER})

    await eventually(lambda: read_receipts(TENANT).receipts)
    assert read_receipts(OTHER).receipts == {}


async def test_who_began_after_an_announcement_tells_so(worker):
    entry_id = published(12)
    worker("old").apply(TENANT, entry_id, {})
    worker("new", after=announce(OTHER)).apply(TENANT, entry_id, {})

    assert not (await confirmed(entry_id, "old")).began_later_than(entry_id)
    assert (await confirmed(entry_id, "new")).began_later_than(entry_id)


async def test_a_policy_that_is_gone_is_forgotten(worker):
    speaker, first = worker(), published(12)
    speaker.apply(TENANT, first, {POLICY: 12})
    await confirmed(first)

    note_announced(TENANT, second := announce(TENANT), {})
    speaker.apply(TENANT, second, {})

    assert (await confirmed(second)).enforced == {}
    assert read_receipts(TENANT).announced == {}


async def test_both_keys_end_by_themselves(worker):
    entry_id = published(12)
    worker().apply(TENANT, entry_id, {})
    await confirmed(entry_id)

    for key in (keys.receipts(TENANT), keys.announced(TENANT)):
        assert 0 < blocking().pttl(key) <= KEPT_MS


async def test_a_process_that_was_silent_for_a_day_is_forgotten(worker):
    old = {"entry_id": LONG_AGO, "applied_ms": redis_ms() - KEPT_MS - 1, "began_after": LONG_AGO, "enforced": {}}
    blocking().hset(keys.receipts(TENANT), "gone", json.dumps(old))

    worker().apply(TENANT, entry_id := published(12), {})

    await confirmed(entry_id)
    assert set(read_receipts(TENANT).receipts) == {WORKER}


@pytest.mark.parametrize(
    "damaged", ["", "canary", "[]", '{"applied_ms": 9e15}', '{"applied_ms": 9e15, "enforced": {}}']
)
async def test_b70_a_damaged_receipt_is_nothing_and_is_written_anew(worker, damaged):
    blocking().hset(keys.receipts(TENANT), mapping={WORKER: damaged, "other": damaged})
    assert read_receipts(TENANT).receipts == {}

    worker().apply(TENANT, entry_id := published(12), {})

    assert since_ms(await confirmed(entry_id)) is not None


async def test_b70_bytes_that_are_no_text_are_nothing(redis):
    blocking().hset(keys.receipts(TENANT), WORKER, b"\xff")
    blocking().hset(keys.announced(TENANT), POLICY, b"\xff")

    assert read_receipts(TENANT) == ({}, {})


async def test_b70_of_one_tenant_whose_key_is_damaged_the_others_do_not_suffer(worker):
    blocking().set(keys.receipts(OTHER), "canary")
    speaker = worker()

    speaker.apply(OTHER, LONG_AGO, {})
    speaker.apply(TENANT, entry_id := published(12), {})

    assert since_ms(await confirmed(entry_id)) is not None


async def test_f8_what_redis_did_not_take_is_said_when_it_is_back(own_server, worker_of_own_server):
    own_server.end()
    worker_of_own_server.apply(TENANT, LONG_AGO, {POLICY: 12})
    own_server.start()

    assert (await confirmed(LONG_AGO)).enforced[POLICY].version == 12


async def test_f8_who_asks_or_writes_is_told_that_redis_is_away(no_redis):
    with pytest.raises(StoreUnavailable):
        read_receipts(TENANT)
    with pytest.raises(StoreUnavailable):
        note_announced(TENANT, LONG_AGO, {})


@pytest_asyncio.fixture
async def worker_of_own_server(own_server, redis_on_loop):
    receipts = Receipts(redis_on_loop, WORKER)
    receipts.begin(LONG_AGO, set())
    task = asyncio.create_task(receipts.send_for_ever())
    yield receipts
    await end_tasks([task])


@pytest.mark.parametrize("alien", ["a string", "bytes"])
async def test_b70_a_tenant_whose_receipts_redis_does_not_take_keeps_no_other_waiting(worker, alien):
    key = keys.receipts(OTHER)
    if alien == "bytes":
        blocking().hset(key, WORKER, b"\xff")
    else:
        blocking().set(key, "canary")
    receipts = worker()

    for _ in range(3):
        receipts.apply(OTHER, LONG_AGO, {})
        entry_id = published(12)
        receipts.apply(TENANT, entry_id, {POLICY: 12})
        assert await confirmed(entry_id)


async def test_b70_bytes_among_the_announcements_keep_no_tenant_unconfirmed(worker):
    blocking().xadd(keys.announcements(), {"tenant": b"\xff"})

    worker().apply(TENANT, entry_id := published(12), {POLICY: 12})

    assert since_ms(await confirmed(entry_id)) is not None
