import random
from datetime import timedelta

import pytest
from django.db import transaction

from relay.models.episodes import EPISODE_QUIET_SECONDS, ThrottleEpisode
from relay.telemetry.episodes import Episodes
from relay.telemetry.rollups import roll_up
from tests.relay.counted import BILLING, NOON, WHOSE, append, throttled

pytestmark = pytest.mark.django_db


def join(*records):
    """One batch of records."""
    episodes = Episodes()
    for record in records:
        episodes.add(record)
    episodes.store()


def told():
    """All episodes: their first and last second after noon, and how much waited, by their begin."""
    return [
        ((one.began_at - NOON).total_seconds(), (one.last_at - NOON).total_seconds(), one.waited)
        for one in ThrottleEpisode.objects.order_by("began_at")
    ]


def test_seconds_in_a_row_are_one_episode():
    join(*(throttled(second, second + 0.9) for second in range(5)))

    assert told() == [(0, 4.9, 50)]


def test_an_episode_goes_on_from_one_batch_to_the_next():
    for second in range(5):
        join(throttled(second, second + 0.5))

    assert told() == [(0, 4.5, 50)]


def test_after_ten_quiet_seconds_another_episode_begins():
    join(throttled(0, 1))
    join(throttled(1 + EPISODE_QUIET_SECONDS, 12))
    join(throttled(12.5 + EPISODE_QUIET_SECONDS, 23))

    assert told() == [(0, 12, 20), (22.5, 23, 10)]


def test_several_relay_processes_make_one_episode():
    join(throttled(0, 1, worker="relay-1"), throttled(0.5, 1.5, worker="relay-2"))

    assert told() == [(0, 1.5, 20)]


@pytest.mark.parametrize(("field", "other"), [("zone", "connection"), ("version", 4), ("policy_id", "p2")])
def test_another_zone_version_or_policy_has_an_episode_of_its_own(field, other):
    join(throttled(0, 1), throttled(0.5, 1, **{field: other}))

    assert told() == [(0, 1, 10), (0.5, 1, 10)]


def test_an_episode_tells_how_much_was_held_refused_and_closed():
    join(throttled(0, 1, held_ms=700, refused=2), throttled(1, 2, held_ms=300, closed=1))

    episode = ThrottleEpisode.objects.get()
    assert (episode.waited, episode.held_ms, episode.refused, episode.closed) == (20, 1000, 2, 1)
    assert (str(episode.tenant_id), episode.client_id, str(episode.channel_id)) == (*WHOSE, BILLING)
    assert (episode.policy_id, episode.version, episode.zone) == ("p1", 3, "client")


def test_a_record_that_comes_an_hour_late_joins_the_episode_of_its_time():
    join(throttled(0, 1))
    join(throttled(3600, 3601))

    join(throttled(1.5, 5))

    assert told() == [(0, 5, 20), (3600, 3601, 10)]


def test_f53_a_record_that_ends_before_it_begins_is_an_instant():
    join(throttled(5, 4))

    assert told() == [(5, 5, 10)]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_and_the_batches_of_records_change_no_sum(seed):
    chance = random.Random(seed)
    records = [throttled(second, second + 1, waited=second) for second in range(40)]
    chance.shuffle(records)
    while records:
        size = chance.randint(1, len(records))
        join(*records[:size])
        del records[:size]

    assert sum(waited for _, _, waited in told()) == sum(range(40))


def test_f9_an_episode_of_a_record_that_was_sent_twice_counts_once(redis):
    append(throttled(0, 1), throttled(0, 1), throttled(1, 2, sequence=2))
    roll_up()
    append(throttled(1, 2, sequence=2))
    roll_up()

    assert told() == [(0, 2, 20)]


def test_f24_an_episode_is_stored_with_the_position_or_not_at_all(redis):
    append(throttled(0, 1))
    with transaction.atomic():
        roll_up()
        transaction.set_rollback(True)
    assert told() == []

    roll_up()

    assert told() == [(0, 1, 10)]


def test_old_episodes_do_not_grow_with_what_comes_months_later():
    join(throttled(0, 1))
    ThrottleEpisode.objects.update(began_at=NOON - timedelta(days=80), last_at=NOON - timedelta(days=80))

    join(throttled(0, 1))

    assert ThrottleEpisode.objects.count() == 2
