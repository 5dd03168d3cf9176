import random
from datetime import timedelta

import msgspec
import pytest
from django.db import transaction

from relay.models.episodes import EPISODE_QUIET_SECONDS, ThrottleEpisode
from relay.telemetry.episodes import MOST_ZONES_LISTED, Episodes
from relay.telemetry.rollups import roll_up
from tests.relay.counted import BILLING, EPISODE, NOON, ORDERS, WHOSE, append, throttled

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


def test_after_the_quiet_time_another_episode_begins():
    join(throttled(0, 1))
    join(throttled(1 + EPISODE_QUIET_SECONDS, 302))
    join(throttled(302.5 + EPISODE_QUIET_SECONDS, 603))

    assert told() == [(0, 302, 20), (602.5, 603, 10)]


def test_two_floods_an_hour_apart_are_two_episodes():
    join(*(throttled(second, second + 1) for second in (*range(60), *range(3600, 3660))))

    assert told() == [(0, 60, 600), (3600, 3660, 600)]


def test_a_flood_of_51_minutes_with_pauses_is_one_episode_over_processes_and_batches():
    """About every minute the sender takes breath, and each process holds back a part under zones that take turns."""
    for minute in range(51):
        for worker in ("relay-1", "relay-2", "relay-3"):
            zone = ("client", "channel")[minute % 2]
            join(throttled(60 * minute, 60 * minute + 40, worker=worker, sequence=minute + 1, zone=zone))

    assert told() == [(0, 50 * 60 + 40, 51 * 3 * 10)]
    assert [(zone["zone"], zone["waited"]) for zone in ThrottleEpisode.objects.get().zones] == [
        ("client", 26 * 3 * 10),
        ("channel", 25 * 3 * 10),
    ]


def test_a_process_that_is_killed_in_a_flood_and_replaced_leaves_one_episode(redis):
    append(*(throttled(second, second + 1, worker="relay-1", sequence=second + 1) for second in range(30)))
    roll_up()
    append(*(throttled(60 + second, 61 + second, worker="relay-9", sequence=second + 1) for second in range(30)))
    roll_up()

    assert told() == [(0, 90, 600)]


def test_a_late_record_joins_the_two_episodes_between_which_it_belongs():
    join(throttled(0, 1), throttled(500, 501))
    assert told() == [(0, 1, 10), (500, 501, 10)]

    join(throttled(250, 251))

    assert told() == [(0, 501, 30)]


def test_several_relay_processes_make_one_episode():
    join(throttled(0, 1, worker="relay-1"), throttled(0.5, 1.5, worker="relay-2"))

    assert told() == [(0, 1.5, 20)]


@pytest.mark.parametrize(("field", "other"), [("zone", "connection"), ("version", 4), ("policy_id", "p2")])
def test_another_zone_version_or_policy_is_listed_in_the_same_episode(field, other):
    join(throttled(0, 1), throttled(0.5, 1, held_ms=700, longest_ms=90, **{field: other}))

    episode = ThrottleEpisode.objects.get()
    assert [(zone[field], zone["held_ms"]) for zone in episode.zones] == [(other, 700), (EPISODE[field], 500)]
    assert (getattr(episode, field), episode.held_ms, episode.longest_ms) == (other, 1200, 90)


def test_an_episode_lists_the_zones_that_held_back_longest_and_sums_up_all():
    join(*(throttled(0, 1, version=version, held_ms=version) for version in range(1, MOST_ZONES_LISTED + 5)))

    episode = ThrottleEpisode.objects.get()
    assert [zone["version"] for zone in episode.zones] == list(range(MOST_ZONES_LISTED + 4, 4, -1))
    assert episode.waited == 10 * (MOST_ZONES_LISTED + 4)


@pytest.mark.parametrize("whose", [{"client_id": "other"}, {"channel_id": ORDERS}])
def test_another_client_or_channel_has_an_episode_of_its_own(whose):
    other = msgspec.structs.replace(throttled(0.5, 1).throttles[0], **whose)
    join(throttled(0, 1), msgspec.structs.replace(throttled(0.5, 1), throttles=[other]))

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
