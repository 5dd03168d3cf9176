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

NOW_NS, ONE = 1, "1"
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
    [zone] = limits.of_connection(name, ONE, NOW_NS).to_platform.messages.zones
    return zone


def test_each_kind_of_frame_passes_the_zones_that_count_it():
    limits = _limits(*ZONES).of_connection(CRM, ONE, NOW_NS)

    assert [_names(limiter) for limiter in limits.to_platform] == [
        ["connection", "bytes"], ["bytes"], ["bytes", "control"],
    ]  # fmt: skip
    assert [_names(limiter) for limiter in limits.to_client] == [["back"], [], []]


def test_handshakes_requests_and_caps_have_theirs():
    limits = _limits(*ZONES)

    assert _names(limits.handshakes(CRM, ONE, NOW_NS)) == ["shakes"]
    assert _names(limits.requests(CRM, NOW_NS)) == ["calls"]
    assert [cap.name for cap in limits.caps(CRM, ONE)] == ["open"]


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


def _caps_of(scope):
    """So that one connection fills a cap."""
    return replace(MESSAGES, name="cap", scope=scope, counted=Counted.OPEN_CONNECTIONS, permits=1, beyond=Beyond.REJECT)


def _shake_hands(limits, times):
    """Which credential each of so many new connections gets; none where it is refused."""
    chosen = []
    for _ in range(times):
        shaken = limits.shake_hands(CRM, NOW_NS)
        if not shaken.is_refused:
            limits.credentials.take(shaken.credential)
            for cap in limits.caps(CRM, shaken.credential):
                cap.take()
        chosen.append(None if shaken.is_refused else shaken.credential)
    return chosen


def test_c2_connections_are_spread_over_credentials_each_under_its_own_limits():
    assert _shake_hands(_limits(_caps_of(Scope.CREDENTIAL), credentials=2), 3) == ["1", "2", None]
    assert _shake_hands(_limits(_caps_of(Scope.CLIENT), credentials=2), 2) == ["1", None]
    assert _shake_hands(_limits(credentials=3), 4) == ["1", "2", "3", "1"]


def test_c2_a_credential_that_is_full_makes_way_for_the_next():
    limits = _limits(_caps_of(Scope.CREDENTIAL), credentials=2)
    limits.caps(CRM, "1")[0].take()  # by one that gives nothing to count, so that the first is used no more

    assert limits.shake_hands(CRM, NOW_NS).credential == "2"


def test_c2_a_handshake_that_one_credential_refuses_is_charged_to_the_next():
    shakes = replace(MESSAGES, permits=1, scope=Scope.CREDENTIAL, counted=Counted.HANDSHAKES, beyond=Beyond.REJECT)
    limits = _limits(shakes, credentials=2)

    shaken = [limits.shake_hands(CRM, NOW_NS) for _ in range(3)]
    assert [(each.credential, each.is_refused) for each in shaken] == [("1", False), ("2", False), ("2", True)]
