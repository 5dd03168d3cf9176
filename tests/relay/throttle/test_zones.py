from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.throttle.limiter import Limiter
from relay.throttle.policy import SECOND_NS, Beyond, Counted, PolicySnapshot, Scope, ZonePolicy
from relay.throttle.verdict import PASS, Action
from relay.throttle.zones import MOST_KEPT, KeyedZone, ZoneKey, Zones, keyed_zones

CLIENT = ZonePolicy(name="client", permits=100, burst=20, delay=20)
CONNECTIONS = ZonePolicy(name="client_connections", counted=Counted.OPEN_CONNECTIONS, permits=2, beyond=Beyond.REJECT)
KEY = ZoneKey(Scope.CLIENT, "crm-sync", "policy-1", "client")


@pytest.fixture
def zones():
    return Zones()


def test_one_key_finds_one_zone(zones):
    zone = zones.zone(KEY, CLIENT, 1, now_ns=0)

    assert zones.zone(KEY, CLIENT, 1, now_ns=0) is zone


@pytest.mark.parametrize("field", ["scope", "scope_id", "policy_id", "name"])
def test_another_key_finds_another_zone(zones, field):
    zone = zones.zone(KEY, CLIENT, 1, now_ns=0)

    assert zones.zone(KEY._replace(**{field: "other"}), CLIENT, 1, now_ns=0) is not zone


def test_who_asks_with_another_version_moves_the_zone_to_it_for_everyone(zones):
    zone = zones.zone(KEY, CLIENT, 1, now_ns=0)
    zone.charge(SECOND_NS // 10, 0)

    zones.zone(KEY, replace(CLIENT, permits=200), 2, now_ns=0)

    assert zone.policy.permits == 200
    assert zone.excess_ns(now_ns=0) == SECOND_NS // 10


def test_one_key_finds_one_cap_that_follows_the_policy(zones):
    cap = zones.cap(KEY, CONNECTIONS, 1)

    assert zones.cap(KEY, replace(CONNECTIONS, permits=5), 1) is cap
    assert (cap.name, cap.limit, cap.taken) == ("client_connections", 5, 0)


def test_what_is_at_rest_and_unused_is_forgotten(zones):
    zones.zone(KEY, CLIENT, 1, now_ns=0).charge(SECOND_NS, 0)
    zones.cap(KEY, CONNECTIONS, 1)

    zones.forget_those_at_rest(now_ns=SECOND_NS)

    assert len(zones) == 0


def test_what_is_not_at_rest_is_kept(zones):
    zones.zone(KEY, CLIENT, 1, now_ns=0).charge(SECOND_NS, 0)
    zones.cap(KEY, CONNECTIONS, 1).take()

    zones.forget_those_at_rest(now_ns=SECOND_NS - 1)

    assert len(zones) == 2
    assert zones.zone(KEY, CLIENT, 1, SECOND_NS - 1).excess_ns(SECOND_NS - 1) == 1
    assert zones.cap(KEY, CONNECTIONS, 1).taken == 1


def test_a_zone_at_rest_that_a_limiter_holds_is_found_again(zones):
    limiter = Limiter([zones.zone(KEY, CLIENT, 1, now_ns=0)])

    zones.forget_those_at_rest(now_ns=SECOND_NS)

    assert zones.zone(KEY, CLIENT, 1, now_ns=SECOND_NS) is limiter.zones[0]


def test_a_connection_that_was_idle_cannot_reset_its_limit_by_coming_anew(zones):
    limiter = Limiter([zones.zone(KEY, CLIENT, 1, now_ns=0)])
    zones.forget_those_at_rest(now_ns=SECOND_NS)
    while limiter.admit(SECOND_NS) is PASS:
        pass

    del limiter

    assert Limiter([zones.zone(KEY, CLIENT, 1, SECOND_NS)]).admit(SECOND_NS).action is Action.WAIT


def test_those_at_rest_are_looked_for_when_very_many_are_kept(zones):
    for number in range(MOST_KEPT + 1):
        zones.zone(KEY._replace(scope_id=str(number)), CLIENT, 1, now_ns=0)

    assert len(zones) == 1


def test_a_cap_that_was_just_found_is_not_forgotten_because_of_very_many_zones(zones):
    cap = zones.cap(KEY, CONNECTIONS, 1)
    for number in range(MOST_KEPT + 1):
        zones.zone(KEY._replace(scope_id=str(number)), CLIENT, 1, now_ns=0)

    assert zones.cap(KEY, CONNECTIONS, 1) is cap


@given(st.lists(st.sampled_from(["come", "send", "leave", "forget"]), max_size=40), st.integers(0, 20))
def test_coming_and_going_lets_no_more_pass_than_staying(steps, burst):
    policy, zones, limiter, passed = replace(CLIENT, burst=burst, delay=burst), Zones(), None, 0
    for step in steps:
        if step == "come":
            limiter = Limiter([zones.zone(KEY, policy, 1, now_ns=0)])
        elif step == "leave":
            limiter = None
        elif step == "forget":
            zones.forget_those_at_rest(now_ns=0)
        elif limiter is not None:
            passed += limiter.admit(now_ns=0) is PASS

    assert passed <= burst + 1


def test_zones_are_keyed_by_whose_traffic_they_add_up():
    connection = replace(CLIENT, name="connection", scope=Scope.CONNECTION)
    snapshots = [PolicySnapshot("policy-1", 3, (CLIENT, CONNECTIONS)), PolicySnapshot("policy-2", 1, (connection,))]
    scope_ids = {Scope.CLIENT: "crm-sync", Scope.CONNECTION: "17"}

    keyed = keyed_zones(snapshots, scope_ids, [Counted.MESSAGES])

    own = ZoneKey(Scope.CONNECTION, "17", "policy-2", "connection")
    assert keyed == [KeyedZone(KEY, CLIENT, 3), KeyedZone(own, connection, 1)]


def test_a_zone_and_a_cap_know_the_version_that_they_follow(zones):
    zone, cap = zones.zone(KEY, CLIENT, 1, now_ns=0), zones.cap(KEY, CONNECTIONS, 1)

    zones.zone(KEY, CLIENT, 2, now_ns=0)
    zones.cap(KEY, CONNECTIONS, 2)

    assert zone.source == cap.source == ("policy-1", 2, "client")


def test_no_policies_have_no_zones():
    assert keyed_zones([], {}, [Counted.MESSAGES]) == []
