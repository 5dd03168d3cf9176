from datetime import timedelta

import pytest

from relay.models.processes import Gap, RelayProcess
from relay.telemetry.processes import SILENT_SECONDS, Processes, mark_killed
from tests.relay.counted import NOON, last_record, record

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(seconds=SILENT_SECONDS + 1)


def taken(*records, now=NOON):
    """Which of a batch of records are new."""
    processes = Processes({one.worker for one in records})
    new = [processes.take(one, now) for one in records]
    processes.store()
    return new


def gaps():
    return [(gap.process_id, gap.reason, gap.after_sequence, gap.missing) for gap in Gap.objects.order_by("pk")]


def test_records_in_their_sequence_are_new():
    assert taken(record(1), record(2), record(3)) == [True, True, True]
    assert RelayProcess.objects.get().last_sequence == 3
    assert gaps() == []


def test_f9_a_record_that_was_sent_twice_is_new_once():
    assert taken(record(1), record(1), record(2)) == [True, False, True]


def test_f9_a_record_that_comes_again_in_a_later_batch_is_not_new():
    taken(record(1), record(2))

    assert taken(record(1), record(2), record(3)) == [False, False, True]
    assert gaps() == []


def test_f9_a_repetition_may_come_after_its_successor():
    assert taken(record(1), record(2), record(1)) == [True, True, False]


def test_processes_count_for_themselves():
    assert taken(record(1), record(1, worker="relay-2")) == [True, True]
    assert set(RelayProcess.objects.values_list("worker", "last_sequence")) == {("relay-1", 1), ("relay-2", 1)}


def test_f8_records_that_redis_lost_are_a_gap_from_the_one_before_to_the_one_after():
    taken(record(1))
    taken(record(4, ended_at=NOON + timedelta(seconds=3)))

    [gap] = Gap.objects.all()
    assert gaps() == [("relay-1", "records_lost", 1, 2)]
    assert (gap.started_at, gap.ended_at) == (NOON, NOON + timedelta(seconds=3))


def test_a_process_of_which_the_first_records_are_missing_has_a_gap_since_its_beginning():
    taken(record(3))

    assert gaps() == [("relay-1", "records_lost", 0, 2)]
    assert Gap.objects.get().started_at is None


def test_f1_a_process_that_fell_silent_without_a_last_record_has_a_gap():
    taken(record(1), record(2))

    mark_killed(LATER)

    assert gaps() == [("relay-1", "no_last_record", 2, None)]
    assert Gap.objects.get().started_at == NOON


def test_a_process_that_said_that_it_ends_has_no_gap():
    taken(record(1), last_record(2))

    mark_killed(LATER)

    assert gaps() == []


def test_a_process_that_spoke_a_moment_ago_has_no_gap():
    taken(record(1))

    mark_killed(NOON + timedelta(seconds=SILENT_SECONDS))

    assert gaps() == []


def test_a_gap_is_marked_once():
    taken(record(1))

    mark_killed(LATER)
    mark_killed(LATER)

    assert len(gaps()) == 1


def test_f8_a_process_that_was_only_cut_off_has_no_gap_when_it_speaks_again():
    taken(record(1))
    mark_killed(LATER)

    taken(record(2), now=LATER)

    assert gaps() == []


def test_what_a_process_lost_while_it_was_cut_off_stays_a_gap():
    taken(record(1))
    mark_killed(LATER)

    taken(record(4), now=LATER)

    assert gaps() == [("relay-1", "records_lost", 1, 2)]


def test_a_process_whose_last_record_came_is_not_taken_for_killed_by_a_repetition():
    taken(record(1), last_record(2), record(1))

    assert RelayProcess.objects.get().has_ended
