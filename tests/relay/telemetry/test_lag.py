import time

import pytest

from relay.models.position import StreamPosition
from relay.store import keys
from relay.store.pool import StoreUnavailable, blocking
from relay.telemetry.lag import rollup_lag_seconds
from relay.telemetry.rollups import roll_up
from tests.relay.counted import append, record

pytestmark = pytest.mark.django_db


def append_made(seconds_ago):
    """A record that was put on the stream so long ago."""
    made_ms = int((time.time() - seconds_ago) * 1000)
    blocking().xadd(keys.telemetry(), {"record": "{}"}, id=f"{made_ms}-0")


def test_nothing_that_waits_is_no_lag(redis):
    assert rollup_lag_seconds() == 0
    append(record())
    roll_up()

    assert rollup_lag_seconds() == 0


def test_the_lag_is_the_age_of_the_oldest_record_that_waits(redis):
    append_made(90)
    append_made(30)

    assert rollup_lag_seconds() == pytest.approx(90, abs=20)


def test_what_was_rolled_up_does_not_count(redis):
    append_made(90)
    roll_up()
    append_made(30)

    assert rollup_lag_seconds() == pytest.approx(30, abs=20)


def test_records_behind_a_lost_place_count_from_the_first(redis):
    StreamPosition.objects.create(position="9999999999999-0")
    append_made(90)

    assert rollup_lag_seconds() == pytest.approx(90, abs=20)


def test_a_record_of_a_clock_that_is_ahead_is_no_lag(redis):
    append_made(-60)

    assert rollup_lag_seconds() == 0


def test_without_redis_nobody_knows(own_server):
    with own_server.frozen(), pytest.raises(StoreUnavailable):
        rollup_lag_seconds()
