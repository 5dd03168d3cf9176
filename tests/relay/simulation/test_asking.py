from dataclasses import replace

import pytest

from relay.sharing import tenant_leases
from relay.simulation import asking as simulated
from relay.simulation.agenda import Agenda, lines_on
from relay.simulation.asking import SPACING_NS, Asking
from relay.throttle.fairness import Priority
from relay.throttle.granting import Party
from relay.throttle.policy import SECOND_NS, Scope, ZonePolicy, ZoneSource
from relay.throttle.zones import KeyedZone, ZoneKey
from tests.relay.simulation.traces import MS

TENANT = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=1000, burst=100, delay=100)
KEYED = KeyedZone(ZoneKey(Scope.TENANT, "all", "policy", "tenant"), TENANT, 3)
CRM, BILLING = (Party(client, Priority.NORMAL, 1) for client in ("crm", "billing"))


@pytest.fixture
def agenda():
    return Agenda(SECOND_NS)


@pytest.fixture
def asking(agenda):
    return Asking(agenda, lines_on(agenda))


def _lacking(asking, agenda, zone, times):
    """When permits were there, of a zone that lacks one so often."""
    there = []
    for _ in range(times):
        zone.lack(0)
        while not zone.has_room(agenda.now_ns, 0):
            agenda.go_on()
        zone.spend(agenda.now_ns, 1)
        there.append(agenda.now_ns - SECOND_NS)
    return there


def _gets_one_at(zone, agenda, after_ns):
    agenda.go_to(SECOND_NS + after_ns)
    zone.lack(0)
    agenda.go_on()
    return zone.has_room(agenda.now_ns, 0)


def test_a_party_finds_its_zone_again_and_each_has_its_own(asking):
    assert asking.zone(KEYED, CRM) is asking.zone(KEYED, CRM)
    assert asking.zone(KEYED, CRM) is not asking.zone(KEYED, BILLING)
    assert asking.zone(KEYED, CRM).source == ZoneSource("policy", 3, "tenant")


def test_permits_are_there_at_once_and_then_no_sooner_than_after_a_pause(asking, agenda):
    assert _lacking(asking, agenda, asking.zone(KEYED, CRM), 2) == [0, SPACING_NS]


def test_parties_take_from_one_bucket(asking, agenda):
    keyed = KEYED._replace(policy=replace(TENANT, permits=10, burst=0, delay=0))
    assert _lacking(asking, agenda, asking.zone(keyed, CRM), 1) == [0]

    assert not _gets_one_at(asking.zone(keyed, BILLING), agenda, 50 * MS)
    assert _gets_one_at(asking.zone(keyed, BILLING), agenda, 150 * MS)


def test_once_nothing_is_wanted_any_more_nothing_is_planned(asking, agenda):
    _lacking(asking, agenda, asking.zone(KEYED, CRM), 40)

    while agenda.go_on():
        assert agenda.now_ns < 10 * SECOND_NS


def test_the_store_is_asked_as_the_relay_asks_it():
    for name in ("SPACING_NS", "MOST_ZONES"):
        assert getattr(simulated, name) == getattr(tenant_leases, name)
