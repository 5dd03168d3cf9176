from datetime import timedelta

import msgspec
import pytest
from django.db import connection, transaction
from django.utils import timezone

from relay.models.position import StreamPosition
from relay.models.processes import Gap, RelayProcess
from relay.models.rollups import HandshakeRollup, TrafficRollup
from relay.store import keys
from relay.store.pool import blocking
from relay.telemetry.rollups import RECORDS_A_BATCH, STANDSTILL_SECONDS, give_up_when_idle, roll_up
from tests.relay.counted import ORDERS, TENANT_ID, append, flow, last_record, messages, record, stream

pytestmark = pytest.mark.django_db


def position():
    return StreamPosition.objects.get().position


def test_what_relays_counted_is_in_the_database(redis):
    append(record(1, 3, accepted=1), record(1, 4, worker="relay-2"))

    roll_up()

    assert (messages("minute"), messages("hour"), messages("day")) == (7, 7, 7)
    assert HandshakeRollup.objects.get(granularity="day").count == 1


def test_the_position_is_that_of_the_last_record(redis):
    [*_, last] = append(record(1), record(2))

    roll_up()

    assert position() == last


def test_an_empty_stream_is_rolled_up_to_nothing(redis):
    roll_up()

    assert (position(), messages()) == ("0-0", 0)


def test_f25_rolling_up_again_counts_nothing_again(redis):
    append(record(1, 3))

    for _ in range(3):
        roll_up()

    assert messages() == 3


def test_what_comes_later_is_added(redis):
    for sequence in (1, 2, 3):
        append(record(sequence, 5))
        roll_up()

    assert messages() == 15


def test_more_than_one_batch_is_rolled_up_in_one_run(redis):
    append(*(record(sequence, 1) for sequence in range(1, 2 * RECORDS_A_BATCH + 2)))

    roll_up()

    assert messages() == 2 * RECORDS_A_BATCH + 1


def test_f9_a_record_that_was_sent_twice_counts_once(redis):
    append(record(1, 3), record(1, 3), record(2, 4), record(1, 3))
    roll_up()

    append(record(2, 4))
    roll_up()

    assert messages() == 7


def test_f8_a_redis_that_restarted_empty_is_read_from_its_beginning(own_server):
    append(record(1, 3))
    roll_up()

    own_server.end()
    own_server.start()
    append(record(2, 4))
    roll_up()

    assert messages() == 7
    assert not Gap.objects.exists()


def test_f8_a_stream_that_began_anew_before_the_position_loses_nothing(redis, caplog):
    append(record(1, 3), position="2000-0")
    roll_up()

    blocking().delete(keys.telemetry())
    append(record(2, 4), position="1000-0")
    roll_up()

    assert (messages(), position()) == (7, "1000-0")
    assert "telemetry_stream_began_anew" in caplog.text
    assert StreamPosition.objects.get().began_anew_at


def test_f8_a_stream_that_began_before_the_position_and_passed_it_loses_nothing(redis):
    append(record(1, 3), position="2000-0")
    roll_up()

    blocking().delete(keys.telemetry())
    for sequence, place in ((2, "1000-0"), (3, "1999-0"), (4, "2001-0")):
        append(record(sequence, 4), position=place)
    roll_up()

    assert messages() == 15


def test_f8_a_redis_that_came_back_from_an_older_copy_counts_nothing_twice(redis):
    append(record(1, 3), record(2, 4))
    copy = blocking().xrange(keys.telemetry())
    append(record(3, 5))
    roll_up()

    blocking().delete(keys.telemetry())
    for place, fields in copy:
        blocking().xadd(keys.telemetry(), fields, id=place)
    append(record(4, 6))
    roll_up()

    assert messages() == 18


def test_f8_what_redis_lost_before_it_was_rolled_up_is_a_gap(redis):
    append(record(1, 3))
    roll_up()
    append(record(2, 100))

    blocking().delete(keys.telemetry())
    append(record(3, 4))
    roll_up()

    assert messages() == 7
    assert list(Gap.objects.values_list("after_sequence", "missing")) == [(1, 1)]


def test_f19_what_gave_way_on_a_full_stream_is_a_gap(redis):
    append(record(1, 3))
    roll_up()
    append(*(record(sequence, 1) for sequence in range(2, 12)))

    blocking().xtrim(keys.telemetry(), maxlen=4, approximate=False)
    roll_up()

    assert messages() == 7
    assert list(Gap.objects.values_list("after_sequence", "missing")) == [(1, 6)]


def test_records_that_were_rolled_up_are_forgotten_but_for_the_last_ten_seconds(redis):
    for second in (0, 5, 14, 20):
        append(record(second + 1), position=f"{1000 * (100 + second)}-0")

    roll_up()

    assert stream() == ["114000-0", "120000-0"]


def test_what_was_not_rolled_up_is_not_forgotten(redis):
    roll_up()
    [place] = append(record(1), position="1-0")

    assert stream() == [place]


def test_a_record_that_cannot_be_read_stops_nobody_and_leaves_a_gap(redis, caplog):
    append(record(1, 3))
    blocking().xadd(keys.telemetry(), {"record": '{"worker":"relay-1","sequence":2}'})
    blocking().xadd(keys.telemetry(), {"record": "not JSON"})
    append(record(3, 4))

    roll_up()

    assert messages() == 7
    assert Gap.objects.get().missing == 1
    assert caplog.text.count("telemetry_record_unreadable") == 2


@pytest.mark.parametrize(
    "encoded",
    [
        '{"worker":"relay-2","sequence":2,"ended_at":1.0,"flows":[],"handshakes":[["acme","crm-sync","accepted",9]]}',
        '{"form":3,"worker":"relay-2","sequence":2,"ended_at":1.0,"flows":[],"handshakes":[]}',
        "[" * 100_000,
        '{"form":2,"worker":"relay-2","sequence":2,"ended_at":1.0,"flows":[],"handshakes":[["","x","accepted",9]]}',
    ],
    ids=["older", "newer", "nested", "half an owner"],
)
def test_f50_a_record_of_another_form_is_left_alone_with_a_gap(encoded, redis, caplog):
    append(record(1, 3), record(1, 3, worker="relay-2"))
    blocking().xadd(keys.telemetry(), {"record": encoded})
    append(record(2, 4), record(3, 4, worker="relay-2"))

    roll_up()

    assert (messages(), HandshakeRollup.objects.count()) == (14, 0)
    assert list(Gap.objects.values_list("process_id", "missing")) == [("relay-2", 1)]
    assert "telemetry_record_unreadable" in caplog.text


def test_a_record_that_the_database_refuses_is_left_out_alone_with_a_gap(redis, caplog):
    append(record(1, 3))
    roll_up()
    TrafficRollup.objects.update(bytes=2**63 - 1)
    elsewhere = record(1, 4, worker="relay-2")
    elsewhere.flows[:] = [msgspec.structs.replace(flow(4), tenant_id=ORDERS)]
    append(record(2, 1), elsewhere, last_record(3))

    for _ in range(2):
        roll_up()

    assert messages() == 7
    assert caplog.text.count("telemetry_record_refused") == 2
    TrafficRollup.objects.update(bytes=0)
    append(record(4, 5))
    roll_up()
    assert messages() == 12
    assert list(Gap.objects.values_list("process_id", "missing")) == [("relay-1", 2)]


def test_an_entry_without_a_record_stops_nobody(redis):
    blocking().xadd(keys.telemetry(), {"other": "x"})
    append(record(1, 3))

    roll_up()

    assert messages() == 3


def test_the_record_of_a_tenant_that_nobody_knows_counts_as_its(redis):
    append(record(1, 3))

    roll_up()

    assert {str(row.tenant_id) for row in TrafficRollup.objects.all()} == {TENANT_ID}


def test_only_records_that_cannot_be_read_are_passed_too(redis):
    place = blocking().xadd(keys.telemetry(), {"record": "not JSON"})

    roll_up()

    assert position() == place


def test_f1_a_relay_that_was_killed_is_marked_though_nobody_says_anything(redis):
    append(record(1, 3))
    roll_up()
    RelayProcess.objects.update(heard_at=timezone.now() - timedelta(minutes=2))

    roll_up()

    assert Gap.objects.get().reason == Gap.Reason.NO_LAST_RECORD


def test_a_position_that_went_back_counts_nothing_again(redis):
    append(record(1, 3))
    roll_up()
    StreamPosition.objects.update(position="0-0")

    roll_up()

    assert messages() == 3


@pytest.mark.django_db(transaction=True)
def test_f24_postgresql_ends_a_roll_up_that_stands_still():
    with transaction.atomic():
        give_up_when_idle()
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == (f"{STANDSTILL_SECONDS}s",)
