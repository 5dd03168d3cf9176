from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from relay.models.rollups import NOBODY, HandshakeRollup, TrafficRollup
from tests.relay.counted import BILLING, NOON, ORDERS, TENANT_ID

pytestmark = pytest.mark.django_db
PERIOD = {"granularity": "minute", "started_at": NOON, "tenant_id": UUID(TENANT_ID), "client_id": "crm-sync"}
TRAFFIC = {**PERIOD, "channel_id": BILLING, "direction": "to_platform"}
HANDSHAKES = {**PERIOD, "result": "accepted"}


def is_refused(model, **fields):
    """Tell whether the database itself refuses the row."""
    try:
        with transaction.atomic():
            model.objects.create(**fields)
    except IntegrityError:
        return True
    return False


def test_traffic_of_one_period_has_one_row():
    TrafficRollup.objects.create(**TRAFFIC)

    assert is_refused(TrafficRollup, **TRAFFIC)


@pytest.mark.parametrize(
    "other",
    [
        {"granularity": "hour"},
        {"tenant_id": UUID(BILLING)},
        {"client_id": "x"},
        {"channel_id": ORDERS},
        {"direction": "x"},
    ],
)
def test_other_traffic_has_a_row_of_its_own(other):
    TrafficRollup.objects.create(**TRAFFIC)

    assert not is_refused(TrafficRollup, **TRAFFIC | other)


@pytest.mark.parametrize(
    "wrong",
    [
        {"granularity": "week"},
        {"messages": -1},
        {"bytes": -1},
        {"control_frames": -1},
        {"waited": -1},
        {"tenant_id": NOBODY},
        {"client_id": ""},
    ],
)
def test_traffic_that_cannot_be_is_refused(wrong):
    assert is_refused(TrafficRollup, **TRAFFIC | wrong)


def test_handshakes_of_one_period_and_result_have_one_row():
    HandshakeRollup.objects.create(**HANDSHAKES)

    assert is_refused(HandshakeRollup, **HANDSHAKES)
    assert not is_refused(HandshakeRollup, **HANDSHAKES | {"result": "rate_limited"})


@pytest.mark.parametrize("wrong", [{"granularity": "week"}, {"count": -1}, {"tenant_id": NOBODY}, {"client_id": ""}])
def test_handshakes_that_cannot_be_are_refused(wrong):
    assert is_refused(HandshakeRollup, **HANDSHAKES | wrong)


def test_a_row_says_of_when_it_is():
    assert str(TrafficRollup(**TRAFFIC)) == "minute of 2026-11-24 12:00"
