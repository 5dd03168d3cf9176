import itertools

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.throttle.policy import LARGEST_PERMITS, Beyond, Counted, Direction, PolicyRefused, Scope
from tenants.models.zones import ThrottleZone
from tests.tenants.factories import DraftFactory, ZoneFactory

pytestmark = pytest.mark.django_db

WORDS = list(itertools.product(Scope, Counted, Direction, Beyond))


def test_a_zone_is_what_the_relay_enforces():
    zone = ZoneFactory.create(name="slow", permits=17, period_seconds=60, burst=3, delay=2)

    policy = zone.as_policy()

    assert (policy.name, policy.permits, policy.period_ns, policy.burst, policy.delay) == ("slow", 17, 60 * 10**9, 3, 2)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", {"name": "Client"}),
        ("name", {"name": "client\n"}),
        ("permits", {"permits": 0}),
        ("permits", {"permits": LARGEST_PERMITS + 1}),
        ("period_seconds", {"period_seconds": 0}),
        ("period_seconds", {"period_seconds": 366 * 86_400 + 1}),
        ("burst", {"burst": -1}),
        ("delay", {"burst": 20, "delay": 30}),
        ("beyond", {"counted": "messages", "beyond": "reject"}),
        ("beyond", {"counted": "handshakes", "beyond": "wait"}),
        ("scope", {"counted": "handshakes", "beyond": "reject", "scope": "connection"}),
        ("direction", {"counted": "handshakes", "beyond": "reject", "direction": "to_client"}),
        ("burst", {"counted": "open_connections", "beyond": "reject", "burst": 1}),
        ("beyond", {"counted": "requests", "beyond": "close", "close_after_waiting_seconds": 5}),
        ("scope", {"counted": "requests", "scope": "connection"}),
        ("direction", {"counted": "requests", "direction": "to_client"}),
        ("strict", {"burst": 9, "strict": True}),
        ("strict", {"permits": 601, "period_seconds": 60, "burst": 1, "strict": True}),
        ("strict", {"burst": 20, "scope": "connection", "strict": True}),
        ("strict", {"counted": "handshakes", "beyond": "reject", "burst": 20, "strict": True}),
        ("close_after_waiting_seconds", {"beyond": "close"}),
        ("close_after_waiting_seconds", {"beyond": "wait", "close_after_waiting_seconds": 5}),
    ],
)
def test_nonsense_is_refused_at_its_field_and_by_the_database(field, values):
    zone = ZoneFactory.build(version=DraftFactory.create(), **values)

    with pytest.raises(ValidationError) as refusal:
        zone.full_clean()
    assert field in refusal.value.message_dict
    with pytest.raises((IntegrityError, DataError)):
        zone.save()


@given(
    words=st.sampled_from(WORDS),
    numbers=st.tuples(*[st.integers(-1, 3)] * 5),
    strict=st.booleans(),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_and_the_relay_refuse_the_same(db, words, numbers, strict):
    scope, counted, direction, beyond = words
    permits, period_seconds, burst, delay, waiting = numbers
    zone = ThrottleZone(
        version=DraftFactory.create(),
        name="any",
        scope=scope.value,
        counted=counted.value,
        direction=direction.value,
        beyond=beyond.value,
        permits=permits,
        period_seconds=max(0, period_seconds),
        burst=burst,
        delay=delay,
        close_after_waiting_seconds=max(0, waiting),
        strict=strict,
    )

    assert is_stored(zone) == is_understood(zone)


@pytest.mark.parametrize(
    ("permits", "period_seconds", "burst"), [(100, 1, 10), (600, 60, 1), (1, 1, 1), (10**12, 1, 10**11)]
)
def test_a_strict_zone_may_have_just_the_burst_of_100_ms(permits, period_seconds, burst):
    zone = ZoneFactory.build(
        version=DraftFactory.create(), permits=permits, period_seconds=period_seconds, burst=burst, strict=True
    )

    zone.full_clean()
    zone.save()


@pytest.mark.parametrize("beyond", ["wait", "reject"])
def test_requests_may_wait_or_be_rejected(beyond):
    zone = ZoneFactory.build(version=DraftFactory.create(), counted="requests", beyond=beyond)

    zone.full_clean()
    zone.save()


def is_stored(zone):
    try:
        with transaction.atomic():
            zone.save()
    except IntegrityError:
        return False
    return True


def is_understood(zone):
    try:
        zone.as_policy()
    except PolicyRefused:
        return False
    return True


@pytest.mark.parametrize("field", ["scope", "counted", "direction", "beyond"])
def test_an_unknown_word_is_refused(field):
    with pytest.raises(ValidationError) as refusal:
        ZoneFactory.build(version=DraftFactory.create(), **{field: "other"}).full_clean()

    assert field in refusal.value.message_dict
