import pytest
from django.db import IntegrityError

from relay.models.processes import Gap, RelayProcess
from tests.relay.counted import NOON

pytestmark = pytest.mark.django_db
KILLED = {"reason": "no_last_record", "after_sequence": 3, "started_at": NOON}
LOST = {"reason": "records_lost", "after_sequence": 3, "missing": 2, "ended_at": NOON}


def process(**fields):
    return RelayProcess.objects.create(
        **{"worker": "relay-1", "last_sequence": 3, "last_ended_at": NOON, "heard_at": NOON} | fields
    )


@pytest.mark.parametrize("wrong", [{"worker": ""}, {"last_sequence": 0}])
def test_a_process_that_cannot_be_is_refused(wrong):
    with pytest.raises(IntegrityError):
        process(**wrong)


@pytest.mark.parametrize("reason", [KILLED, LOST])
def test_there_is_one_gap_at_one_place(reason):
    killed = process()
    Gap.objects.create(process=killed, **KILLED)

    with pytest.raises(IntegrityError):
        Gap.objects.create(process=killed, **reason)


@pytest.mark.parametrize(
    "wrong",
    [
        {**KILLED, "missing": 1},
        {**KILLED, "ended_at": NOON},
        {**KILLED, "started_at": None},
        {**LOST, "missing": None},
        {**LOST, "missing": 0},
        {**LOST, "ended_at": None},
        {**LOST, "reason": "unknown"},
        {**LOST, "after_sequence": -1},
    ],
)
def test_a_gap_that_contradicts_its_reason_is_refused(wrong):
    killed = process()

    with pytest.raises(IntegrityError):
        Gap.objects.create(process=killed, **wrong)


def test_a_gap_says_whose_it_is_and_where():
    assert str(Gap(process=process(), **LOST)) == "relay-1 after 3"
