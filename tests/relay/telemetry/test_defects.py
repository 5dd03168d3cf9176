import asyncio

import pytest

from relay.telemetry.defects import contained, defects, note_defect


def fail():
    raise ValueError("a defect")


def test_a_defect_is_counted_where_it_happened_and_goes_no_further():
    before = defects().get("here", 0)

    with contained("here"):
        fail()

    assert defects()["here"] == before + 1


def test_what_it_happened_to_is_ended_even_if_that_fails_too():
    ended = []

    with contained("here", lambda: ended.append(True)):
        fail()
    with contained("here", fail):
        fail()

    assert ended == [True]


def test_nothing_is_counted_or_ended_where_all_goes_well():
    before = dict(defects())

    with contained("here", fail):
        pass

    assert dict(defects()) == before


@pytest.mark.parametrize("ending", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_a_cancellation_or_the_end_of_the_process_is_no_defect(ending):
    before = dict(defects())

    with pytest.raises(ending), contained("here"):
        raise ending

    assert dict(defects()) == before


def test_one_line_a_second_tells_of_a_place_and_how_many_there_were(caplog):
    for _ in range(5):
        note_defect("crowded", ValueError("a defect"))

    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
