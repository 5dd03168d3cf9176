from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from relay.models.episodes import ThrottleEpisode
from tests.relay.counted import EPISODE, NOON

pytestmark = pytest.mark.django_db


def test_an_episode_is_named_by_its_zone_and_its_begin():
    assert str(ThrottleEpisode(**EPISODE)) == "client, 2026-11-24 12:00:00"


@pytest.mark.parametrize(
    "wrong", [{"last_at": NOON - timedelta(seconds=1)}, {"waited": -1}, {"version": -1}, {"client_id": ""}]
)
def test_the_database_refuses_what_no_episode_can_be(wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        ThrottleEpisode.objects.create(**EPISODE | wrong)
