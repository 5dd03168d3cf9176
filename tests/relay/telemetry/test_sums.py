from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from relay.models.rollups import HandshakeRollup, TrafficRollup
from relay.telemetry.sums import Sums, periods_at
from tests.relay.counted import BILLING, NOON, ORDERS, WHOSE, flow, messages, record

pytestmark = pytest.mark.django_db


def stored(*records):
    """Add records up, and the sums to those in the database."""
    sums = Sums()
    for one in records:
        sums.add(one)
    sums.store()


def test_a_time_lies_in_one_minute_one_hour_and_one_day():
    time = datetime(2026, 11, 24, 13, 37, 59, 999_999, tzinfo=UTC)

    assert dict(periods_at(time.timestamp())) == {
        "minute": datetime(2026, 11, 24, 13, 37, tzinfo=UTC),
        "hour": datetime(2026, 11, 24, 13, tzinfo=UTC),
        "day": datetime(2026, 11, 24, tzinfo=UTC),
    }


def test_all_that_a_record_counts_is_in_the_minute_the_hour_and_the_day():
    one = record(accepted=2)
    one.flows[:] = [flow(7, waited=3)]

    stored(one)

    rows = TrafficRollup.objects.all()
    assert {row.granularity for row in rows} == {"minute", "hour", "day"}
    assert {(str(row.tenant_id), row.client_id, str(row.channel_id), row.direction) for row in rows} == {
        (*WHOSE, BILLING, "to_platform")
    }
    assert {(row.messages, row.bytes, row.waited, row.held[0], row.held[-1]) for row in rows} == {(7, 70, 3, 4, 3)}
    assert {(row.result, row.count) for row in HandshakeRollup.objects.all()} == {("accepted", 2)}


def test_records_of_one_minute_add_up():
    stored(record(1, 5, accepted=1), record(2, 6, accepted=2, ended_at=NOON + timedelta(seconds=59)))

    [row] = TrafficRollup.objects.filter(granularity="minute")
    assert (row.messages, row.held[0]) == (11, 11)
    assert HandshakeRollup.objects.get(granularity="minute").count == 3


def test_records_add_to_what_is_in_the_database():
    stored(record(1, 5, accepted=1))
    stored(record(2, 6, accepted=2))

    [row] = TrafficRollup.objects.filter(granularity="minute")
    assert (row.messages, row.bytes, row.held[0]) == (11, 110, 11)
    assert HandshakeRollup.objects.get(granularity="minute").count == 3


def test_the_next_minute_is_a_row_of_its_own_in_the_same_hour():
    stored(record(1, 5), record(2, 6, ended_at=NOON + timedelta(minutes=1)))

    assert [row.messages for row in TrafficRollup.objects.filter(granularity="minute")] == [6, 5]
    assert [row.messages for row in TrafficRollup.objects.filter(granularity="hour")] == [11]


def test_a_late_record_counts_when_it_was_made():
    stored(record(1, 5))
    stored(record(1, 7, worker="relay-2", ended_at=NOON - timedelta(days=1)))

    days = TrafficRollup.objects.filter(granularity="day")
    assert [(row.started_at.day, row.messages) for row in days] == [(24, 5), (23, 7)]


def test_channels_are_added_up_apart():
    one = record()
    one.flows[:] = [flow(3, channel_id=BILLING), flow(4, channel_id=ORDERS)]

    stored(one)

    rows = TrafficRollup.objects.filter(granularity="day").order_by("channel_id")
    assert [(str(row.channel_id), row.messages) for row in rows] == [(BILLING, 3), (ORDERS, 4)]


def test_nothing_counted_stores_nothing():
    stored()

    assert not TrafficRollup.objects.exists()


class TestInBatches(TestCase):
    @settings(deadline=None, max_examples=25)  # each is some transactions
    @given(st.lists(st.lists(st.integers(0, 10**9), max_size=4), max_size=4))
    def test_batches_add_up_to_what_was_counted(self, batches):
        for batch in batches:
            stored(*(record(number, count) for number, count in enumerate(batch, 1)))

        total = sum(map(sum, batches))
        assert (messages("minute"), messages("hour"), messages("day")) == (total, total, total)
