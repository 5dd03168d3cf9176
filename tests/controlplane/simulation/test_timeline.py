from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.simulation.timeline import MOST_SLOTS, SLOT_SECONDS, Timeline
from relay.simulation.events import Result
from relay.throttle.policy import SECOND_NS


def _timeline(*happened):
    timeline = Timeline()
    for seconds, result in happened:
        timeline.add(round(seconds * SECOND_NS), result)
    return timeline


def test_every_width_fits_into_the_next():
    pairs = pairwise(SLOT_SECONDS)

    assert all(round(wide / narrow) * narrow == pytest.approx(wide) for narrow, wide in pairs)


@given(st.lists(st.tuples(st.floats(0, 30_000_000), st.sampled_from(Result)), max_size=60))
def test_nothing_is_lost_when_slots_grow_and_they_stay_few(happened):
    timeline = _timeline(*happened)

    for result in Result:
        assert sum(slot[result] for slot in timeline.slots) == [one for _, one in happened].count(result)
    assert len(timeline.slots) <= MOST_SLOTS


def test_a_slot_has_what_happened_in_it():
    timeline = _timeline((0, Result.PASSED), (0.9, Result.WAITED), (29.99, Result.REFUSED))

    assert timeline.slot_seconds == 0.5
    assert [number for number, slot in enumerate(timeline.slots) if slot.total()] == [0, 1, 59]
    assert timeline.as_json()["slots"][1] == {
        "at": 0.5, "passed": 0, "waited": 1, "refused": 0, "closed": 0, "skipped": 0
    }  # fmt: skip


def test_bars_are_to_scale_and_what_happened_at_all_has_a_mark():
    happened = [(0, Result.PASSED)] * 118 + [(0, Result.REFUSED)] * 2 + [(0.01, Result.WAITED)]

    assert _timeline(*happened).lines() == ["0.00 s  " + "#" * 59 + "x", "0.01 s  +"]


def test_without_events_there_are_no_bars():
    assert Timeline().lines() == []
