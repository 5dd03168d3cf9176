from datetime import timedelta

import pytest
from django.urls import reverse

from relay.models.processes import Gap, RelayProcess
from tests.relay.counted import NOON

pytestmark = pytest.mark.django_db
PROCESSES = reverse("admin:relay_relayprocess_changelist")
GAPS = reverse("admin:relay_gap_changelist")


def shown(pages, address):
    return pages.get(address).content.decode()


def process(**fields):
    return RelayProcess.objects.create(**{"last_sequence": 3, "last_ended_at": NOON, "heard_at": NOON} | fields)


def test_a_process_that_was_killed_is_told_apart_from_one_that_ended(pages, rows):
    assert "Ended without its last record" in shown(pages, PROCESSES)


@pytest.mark.parametrize(("has_ended", "word"), [(True, "Ended"), (False, "Running")])
def test_a_process_runs_until_it_said_that_it_ends(has_ended, word, pages):
    one = process(worker="7-cd", has_ended=has_ended)
    page = shown(pages, reverse("admin:relay_relayprocess_change", args=[one.pk]))

    assert word in page
    assert "Ended without" not in page


def test_the_gap_of_a_killed_process_ends_with_it(pages, rows):
    page = shown(pages, GAPS)

    assert "its end" in page
    assert "2026-11-24 12:00:00 UTC" in page


def test_a_gap_of_lost_records_tells_how_many(pages):
    lost = {"reason": "records_lost", "after_sequence": 0, "missing": 1234, "ended_at": NOON + timedelta(seconds=5)}
    Gap.objects.create(process=process(worker="7-cd"), **lost)

    page = shown(pages, GAPS)

    for words in ("1,234", "its beginning", "2026-11-24 12:00:05 UTC"):
        assert words in page
