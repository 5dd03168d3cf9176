from dataclasses import fields, replace

import pytest

from relay.throttle.policy import (
    SECOND_NS,
    Beyond,
    Counted,
    PolicySnapshot,
    Scope,
    StoreAway,
    ZonePolicy,
    default_zones,
)
from tenants.differences import COMPARED, differences

CLIENT = ZonePolicy(name="client", permits=100, burst=20, delay=10)
SLOW = ZonePolicy(name="slow", permits=17, period_ns=60 * SECOND_NS, scope=Scope.TENANT)


def version(*zones, store_away=StoreAway.SHARE):
    return PolicySnapshot("policy-1", 1, zones, store_away)


def between(zone, **changes):
    return differences(version(zone), version(replace(zone, **changes)))


def test_a_zone_that_changed_tells_each_field_with_both_values():
    assert between(CLIENT, permits=200, burst=40) == ["client: permits 100 → 200, burst 20 → 40"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"permits": 1_000_000}, "client: permits 100 → 1,000,000"),
        ({"period_ns": 60 * SECOND_NS}, "client: period 1 s → 60 s"),
        ({"scope": Scope.PLATFORM_CONNECTION}, "client: scope client → platform connection"),
        ({"counted": Counted.CONTROL_FRAMES}, "client: counted messages → control frames"),
        ({"strict": True}, "client: strict no → yes"),
        (
            {"beyond": Beyond.CLOSE, "close_after_waiting_seconds": 30},
            "client: beyond wait → close, close after waiting 0 s → 30 s",
        ),
    ],
)
def test_a_value_reads_as_people_write_it(changes, line):
    assert between(CLIENT, **changes) == [line]


def test_zones_that_come_and_go_are_told_in_words():
    assert differences(version(CLIENT), version(SLOW)) == [
        "slow is added: 17 messages a minute for the whole tenant, evenly, then wait",
        "client is removed: 100 messages a second for each client, 20 ahead, of which 10 at once, then wait",
    ]


def test_what_happens_without_redis_is_compared_too():
    assert differences(version(CLIENT), version(CLIENT, store_away=StoreAway.LET_PASS)) == [
        "store away: share → let pass"
    ]


def test_of_equal_versions_nothing_is_told_whatever_their_order():
    assert differences(version(CLIENT, SLOW), version(SLOW, CLIENT)) == []


def test_the_first_version_adds_every_zone():
    lines = differences(None, version(*default_zones()))

    assert [line.partition(" is added: ")[0] for line in lines] == [zone.name for zone in default_zones()]


def test_no_field_of_a_zone_is_left_out():
    assert {"name", *COMPARED} == {field.name for field in fields(ZonePolicy)}
