from dataclasses import replace

import pytest

from relay.simulation.agenda import Agenda, lines_on
from relay.simulation.asking import Asking
from relay.simulation.events import ConnectionName
from relay.simulation.rules import Limits, Rules
from relay.throttle.fairness import Priority
from relay.throttle.granting import Party
from relay.throttle.leases import LeasedZone
from relay.throttle.policy import Beyond, Counted, Direction, PolicySnapshot, Scope, ZonePolicy
from relay.throttle.zone import Zone

NOW_NS = 1
CRM, OTHER, BILLING = (
    ConnectionName(client, channel, "1") for client, channel in (("crm", "chat"), ("crm", "calls"), ("billing", "chat"))
)
MESSAGES = ZonePolicy(name="zone", permits=10)
ZONES = (
    replace(MESSAGES, name="connection", scope=Scope.CONNECTION),
    replace(MESSAGES, name="bytes", counted=Counted.BYTES),
    replace(MESSAGES, name="control", counted=Counted.CONTROL_FRAMES),
    replace(MESSAGES, name="back", direction=Direction.TO_CLIENT),
    replace(MESSAGES, name="shakes", counted=Counted.HANDSHAKES, beyond=Beyond.REJECT),
    replace(MESSAGES, name="calls", counted=Counted.REQUESTS),
    replace(MESSAGES, name="open", counted=Counted.OPEN_CONNECTIONS, beyond=Beyond.REJECT),
)


def _limits(*zones, **rules):
    agenda = Agenda(NOW_NS)
    return Limits(Rules((PolicySnapshot("policy", 1, zones),), **rules), Asking(agenda, lines_on(agenda)))


def _names(limiter):
    return [zone.policy.name for zone in limiter.zones]


def _only_zone(limits, name):
    [zone] = limits.of_connection(name, NOW_NS).to_platform.messages.zones
    return zone


def test_each_kind_of_frame_passes_the_zones_that_count_it():
    limits = _limits(*ZONES).of_connection(CRM, NOW_NS)

    assert [_names(limiter) for limiter in limits.to_platform] == [
        ["connection", "bytes"], ["bytes"], ["bytes", "control"],
    ]  # fmt: skip
    assert [_names(limiter) for limiter in limits.to_client] == [["back"], [], []]


def test_handshakes_requests_and_caps_have_theirs():
    limits = _limits(*ZONES)

    assert _names(limits.handshakes(CRM, NOW_NS)) == ["shakes"]
    assert _names(limits.requests(CRM, NOW_NS)) == ["calls"]
    assert [cap.name for cap in limits.caps(CRM)] == ["open"]


def test_each_connection_has_a_zone_of_its_own_that_nobody_shares():
    limits = _limits(ZONES[0])

    first, second = _only_zone(limits, CRM), _only_zone(limits, CRM)

    assert isinstance(first, Zone)
    assert first is not second


@pytest.mark.parametrize(
    ("scope", "shared_with"),
    [
        (Scope.ADDRESS, [CRM, OTHER]),
        (Scope.CLIENT, [CRM, OTHER]),
        (Scope.CHANNEL, [CRM, BILLING]),
        (Scope.CREDENTIAL, [CRM, OTHER, BILLING]),
        (Scope.PLATFORM_CONNECTION, [CRM, OTHER, BILLING]),
        (Scope.TENANT, [CRM, OTHER, BILLING]),
    ],
)
def test_a_zone_adds_up_its_scope(scope, shared_with):
    limits = _limits(replace(MESSAGES, scope=scope))
    key = _only_zone(limits, CRM).key

    assert [name for name in (CRM, OTHER, BILLING) if _only_zone(limits, name).key == key] == shared_with


def test_a_shared_zone_knows_its_party_and_a_clients_own_has_none():
    limits = _limits(replace(MESSAGES, scope=Scope.TENANT), weights={"crm": 3}, priorities={"chat": Priority.HIGH})

    zone = _only_zone(limits, CRM)

    assert isinstance(zone, LeasedZone)
    assert zone.party == Party("crm", Priority.HIGH, 3)
    assert _only_zone(limits, BILLING).party == Party("billing", Priority.HIGH, 1)
    assert _only_zone(_limits(MESSAGES), CRM).party is None
