import asyncio, pytest
from relay.store import keys
from relay.store.announcements import *
from relay.store.announcements import KEPT
from relay.store.pool import blocking, StoreUnavailable
from relay.store.client_records import *
from relay.store.client_records import WRITTEN, FORM
from tests.relay.eventually import eventually, turns
pytestmark = pytest.mark.asyncio

async def test_gap(redis):
    heard = changed_tenants()
    assert await anext(heard) == EVERY_TENANT
    announce("before")
    assert await anext(heard) == "before"
    announce("missed")
    with blocking().pipeline(transaction=False) as p:
        for _ in range(2*KEPT): p.xadd(keys.announcements(), {"tenant": "acme"}, maxlen=KEPT)
        p.execute()
    got=set()
    async with asyncio.timeout(5):
        async for t in heard:
            got.add(t)
            if t in ("missed", EVERY_TENANT): break
    await heard.aclose()

async def test_bad_utf8_record(redis, redis_on_loop):
    blocking().hset(keys.clients("t"), mapping={WRITTEN: FORM, "c": b"\xff\xfe"})
    with pytest.raises(RecordsMissing):
        await load_record(redis_on_loop, "t", "c")

async def test_wrongtype(redis, redis_on_loop):
    blocking().set(keys.clients("t"), "x")
    with pytest.raises(RecordsMissing):
        await load_record(redis_on_loop, "t", "c")

async def test_wrongtype_mended(redis, redis_on_loop):
    blocking().set(keys.clients("t"), "x")
    replace_records("t", [])
    assert await load_record(redis_on_loop, "t", "c") is None

async def test_nested(redis, redis_on_loop):
    blocking().hset(keys.clients("t"), mapping={WRITTEN: FORM, "c": '{"x":' + "["*100000 })
    with pytest.raises(RecordsMissing):
        await load_record(redis_on_loop, "t", "c")

async def test_bad_utf8_announcement(redis):
    heard = changed_tenants()
    assert await anext(heard) == EVERY_TENANT
    blocking().xadd(keys.announcements(), {"tenant": b"\xff"})
    announce("after")
    got = []
    async with asyncio.timeout(5):
        async for t in heard:
            got.append(t)
            if t in ("after",EVERY_TENANT): break

async def test_surrogate(redis, redis_on_loop):
    import msgspec
    from tests.relay import records
    R = records.client(records.platform_connection("https://p.example"), name="\ud800")
    replace_records(R.tenant_id, [R])

async def test_cutoff(redis):
    heard = []
    async def run():
        async for t in changed_tenants(): heard.append(t)
    t = asyncio.create_task(run())
    await eventually(lambda: heard)
    announce("before")
    await eventually(lambda: "before" in heard)
    n = blocking().client_kill_filter(_type="normal", skipme=True)
    announce("meanwhile")
    await turns(1)
    print("HEARD", heard, n)
    t.cancel()
