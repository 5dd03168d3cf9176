import re
from dataclasses import replace
from itertools import product

import pytest
from redis.crc import key_slot

from relay.store import caps, leases, workers
from relay.store.caps import Result
from relay.store.leases import LeaseRequest, take_leases
from relay.store.pool import StoreUnavailable, blocking
from relay.store.scripts import Script
from relay.throttle.granting import Ask, Debit
from relay.throttle.policy import SECOND_NS
from tests.relay.store.histories import KEY, PARTIES, TERMS
from tests.relay.store.places import CAP, CONNECTIONS, HANDSHAKES

NAMES = ["{acme}:clock", "{acme}:first", "{acme}:second", "{acme}:third"]
HELD = Script("clock", "hold")
ARGUMENTS = ["1/1", "", 0, 0]


def calls(command):
    """How often Redis was asked by ``command``."""
    return blocking().info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0)


@pytest.mark.asyncio
async def test_files_run_one_after_the_other(redis, redis_on_loop):
    [generation] = await HELD.run(redis_on_loop, NAMES[:2], ARGUMENTS)

    assert generation == blocking().hget(NAMES[0], "generation")


@pytest.mark.asyncio
async def test_a_script_that_redis_knows_takes_one_round_trip(redis, redis_on_loop):
    await HELD.run(redis_on_loop, NAMES[:2], ARGUMENTS)
    blocking().config_resetstat()

    await HELD.run(redis_on_loop, NAMES[:2], ARGUMENTS)

    assert (calls("evalsha"), calls("eval")) == (1, 0)


@pytest.mark.asyncio
async def test_f16_a_script_that_redis_forgot_is_sent_again_by_its_text_once(redis, redis_on_loop):
    await HELD.run(redis_on_loop, NAMES[:2], ARGUMENTS)
    blocking().script_flush()
    blocking().config_resetstat()

    for _ in range(2):
        await HELD.run(redis_on_loop, NAMES[:2], ARGUMENTS)

    assert (calls("evalsha"), calls("eval")) == (2, 1)


@pytest.mark.asyncio
async def test_s29_arguments_are_data_and_never_text(redis, redis_on_loop):
    hostile = "1'; redis.call('SET', 'harmed', 1) --"

    await HELD.run(redis_on_loop, NAMES[:2], [hostile, "", 0, 1, 2, 3])

    assert blocking().hgetall(NAMES[1]) == {hostile: "2"}
    assert not blocking().exists("harmed")


@pytest.mark.asyncio
async def test_what_the_script_refuses_is_unavailable(redis, redis_on_loop):
    with pytest.raises(StoreUnavailable, match="no number"):
        await HELD.run(redis_on_loop, NAMES[:2], ["1/1", "", 0, "many"])


@pytest.mark.asyncio
async def test_f13_a_full_redis_is_unavailable_for_scripts_that_write(own_server, redis_on_loop):
    blocking().config_set("maxmemory", "1")

    with pytest.raises(StoreUnavailable):
        await HELD.run(redis_on_loop, NAMES[:2], ARGUMENTS)


@pytest.mark.asyncio
async def test_f9_a_redis_that_hangs_is_unavailable(own_server, redis_on_loop):
    with own_server.frozen(), pytest.raises(StoreUnavailable):
        await HELD.run(redis_on_loop, NAMES[:2], ARGUMENTS)


@pytest.mark.asyncio
async def test_a_file_that_is_not_there_is_told_at_once():
    with pytest.raises(FileNotFoundError):
        Script("clock", "missing")


LOST_DIGITS = re.compile(r"[0-9]e\+[0-9]")


@pytest.fixture
def used(call, clock, entry, holding):
    """All kinds of zones, shares, caps in use; gives the names of the keys."""
    for number, (terms, party) in enumerate(product(TERMS, [None, *PARTIES])):
        clock.go(0.012345)
        requests = [LeaseRequest(KEY, terms, Ask(1, 100, 0, party), Debit(5, 1000))]
        call(take_leases, "acme", str(number), "", requests)
    for number in range(4):
        zone, wider = CAP._replace(name="handshakes"), CAP._replace(scope_id="wider")
        entry(
            str(number),
            zones=((zone, replace(HANDSHAKES, delay=number)),),
            caps=((CAP, CONNECTIONS), (wider, CONNECTIONS)),
        )
        holding(str(number), number)
    return list(blocking().scan_iter())


def test_every_key_ends(used):
    assert len(used) == 6
    assert all(blocking().pttl(name) > 0 for name in used)


def test_all_keys_of_a_tenant_lie_in_one_slot(used):
    assert {key_slot(name.encode()) for name in used} == {key_slot(b"acme")}


def test_times_keep_all_their_digits_in_redis(used, clock):
    values = [value for name in used if blocking().type(name) == "hash" for value in blocking().hvals(name)]

    assert str(clock.now_us) in values
    assert not [value for value in values if LOST_DIGITS.search(value)]


# Of each script its name, good arguments, which of these are numbers, and which of those say how many of what follow.
SCRIPTS = {
    "take_leases": (["1", "", 1, *TERMS[0], 1, 2, 0, 0, 0, 0, "crm", 1, 1], (*range(2, 13), 14, 15), (2,)),
    "enter": (
        ["1/1", "", 2_000_000, "2/1", 1, 1, 1, *TERMS[0], 3, 0, "1", "1"],
        (2, *range(4, 13)),
        (4, 5, 6),
    ),
    "hold": (["1/1", "", 0, 1, 2, 3], range(3, 6), (3,)),
    "beat": (["1", "", 8_000_000, 2_000_000], (2, 3), ()),
}


def with_alien(name, alien, *, in_counts):
    """The script and its arguments with ``alien`` in the place of each number in turn."""
    script = {"take_leases": leases.TAKE_LEASES, "enter": caps.ENTER, "hold": caps.HOLD, "beat": workers.BEAT}[name]
    arguments, numbers, counts = SCRIPTS[name]
    for at in numbers:
        if in_counts or at not in counts:
            yield script, [*arguments[:at], alien, *arguments[at + 1 :]]


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("alien", ["nan", "-nan", "inf", "-inf", "1e400", "1;redis.call('FLUSHALL')", "", "{}"])
def test_s29_what_is_no_number_ends_a_script_before_it_writes(call, clock, name, alien):
    for script, arguments in with_alien(name, alien, in_counts=True):
        with pytest.raises(StoreUnavailable):
            call(script.run, NAMES, arguments)

    assert not blocking().dbsize()


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("alien", ["1e300", "-1e300", "-1", "0", "0.5", "9007199254740993", "0x7fffffffffffffff"])
def test_s29_numbers_beyond_all_bounds_do_no_harm(call, clock, name, alien):
    for script, arguments in with_alien(name, alien, in_counts=False):
        for _ in range(2):
            answer = call(script.run, NAMES, arguments)
            words = [word for part in answer for word in (part if isinstance(part, list) else [part])]
            assert all(abs(number) < 1e16 for number in words if isinstance(number, int))
        assert all(blocking().pttl(name) > 0 for name in blocking().scan_iter())
        blocking().flushdb()


def test_s29_a_policy_at_its_largest_bounds_can_be_entered_under(entry):
    largest = replace(HANDSHAKES, permits=1, period_ns=366 * 86_400 * SECOND_NS, burst=10**12, delay=10**12)

    assert [entry(zones=((CAP, largest),), caps=()).result for _ in range(3)] == [Result.IN] * 3
