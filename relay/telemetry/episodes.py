"""Joins what zones did second by second, in all relay processes, into episodes with a begin and an end."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from relay.models.episodes import EPISODE_QUIET_SECONDS, ThrottleEpisode, ZoneCounts
from relay.telemetry.fields import uuid_of
from relay.telemetry.records import TelemetryRecord
from relay.telemetry.throttles import ThrottleRecord

QUIET = timedelta(seconds=EPISODE_QUIET_SECONDS)
COUNTS = ("waited", "held_ms", "refused", "closed")
MOST_ZONES_LISTED = 16  # an episode lists; the counts of all others are in its sums alone
CHANGES = ("began_at", "last_at", "zones", "longest_ms", "policy_id", "version", "zone", *COUNTS)
ROWS_A_STATEMENT = 100  # each is a case for each field
Key = tuple[object, ...]


class Episodes:
    """The stretches of a batch of records, joined to the episodes in the database that go on."""

    def __init__(self) -> None:
        """Begin with none."""
        self._stretches: list[ThrottleEpisode] = []

    def add(self, record: TelemetryRecord) -> None:
        """Add all that zones did in the record's second."""
        self._stretches += [_stretch(throttle) for throttle in record.throttles]

    def store(self) -> None:
        """Lengthen the episodes that go on, and begin the others. Nobody else may do so at the same time.

        A late record may close the pause between two episodes: the earlier goes on, and the other is deleted.
        """
        if not self._stretches:
            return
        stored = self._stored()
        near: defaultdict[Key, list[ThrottleEpisode]] = defaultdict(list)
        for episode in stored:
            near[episode.key].append(episode)
        lengthened = {_take_in(near[stretch.key], stretch).pk for stretch in self._stretches}
        left = [episode for episodes in near.values() for episode in episodes]
        ThrottleEpisode.objects.filter(pk__in={one.pk for one in stored} - {one.pk for one in left}).delete()
        changed = [one for one in left if one.pk and one.pk in lengthened]
        ThrottleEpisode.objects.bulk_create(one for one in left if not one.pk)
        ThrottleEpisode.objects.bulk_update(changed, CHANGES, ROWS_A_STATEMENT)

    def _stored(self) -> list[ThrottleEpisode]:
        """The episodes in the database that a stretch may belong to; a late record may belong to an old one."""
        earliest = min(stretch.began_at for stretch in self._stretches)
        latest = max(stretch.last_at for stretch in self._stretches)
        return list(ThrottleEpisode.objects.filter(last_at__gte=earliest - QUIET, began_at__lte=latest + QUIET))


def _stretch(throttle: ThrottleRecord) -> ThrottleEpisode:
    """An episode of what one record tells."""
    zone = ZoneCounts(
        policy_id=throttle.policy_id,
        version=throttle.version,
        zone=throttle.zone,
        waited=throttle.waited,
        held_ms=throttle.held_ms,
        refused=throttle.refused,
        closed=throttle.closed,
        longest_ms=throttle.longest_ms,
    )
    return ThrottleEpisode(
        tenant_id=uuid_of(throttle.tenant_id),
        client_id=throttle.client_id,
        channel_id=uuid_of(throttle.channel_id),
        began_at=datetime.fromtimestamp(throttle.began_at, UTC),
        last_at=datetime.fromtimestamp(max(throttle.began_at, throttle.last_at), UTC),
        zones=[zone],
        **zone,
    )


def _touches(episode: ThrottleEpisode, stretch: ThrottleEpisode) -> bool:
    return stretch.began_at <= episode.last_at + QUIET and stretch.last_at >= episode.began_at - QUIET


def _take_in(episodes: list[ThrottleEpisode], stretch: ThrottleEpisode) -> ThrottleEpisode:
    """Join a stretch to all of a client's episodes that it touches, and these to one; stored ones before others."""
    touched = [episode for episode in episodes if _touches(episode, stretch)]
    episode, *others = *sorted(touched, key=lambda one: (one.pk is None, one.began_at)), stretch
    for other in others:
        _join(episode, other)
    episodes[:] = [one for one in episodes if one not in touched] + [episode]
    return episode


def _join(episode: ThrottleEpisode, other: ThrottleEpisode) -> None:
    episode.began_at = min(episode.began_at, other.began_at)
    episode.last_at = max(episode.last_at, other.last_at)
    episode.longest_ms = max(episode.longest_ms, other.longest_ms)
    for count in COUNTS:
        setattr(episode, count, getattr(episode, count) + getattr(other, count))
    episode.zones = _joined([*episode.zones, *other.zones])
    most = episode.zones[0]
    episode.policy_id, episode.version, episode.zone = most["policy_id"], most["version"], most["zone"]


def _joined(zones: Iterable[ZoneCounts]) -> list[ZoneCounts]:
    """Each zone of each version once, the one that held back for longest first; the last are left out."""
    joined: dict[Key, ZoneCounts] = {}
    for zone in zones:
        source = zone["policy_id"], zone["version"], zone["zone"]
        before = joined.get(source)
        joined[source] = _sum(before, zone) if before else zone
    return sorted(joined.values(), key=_rank)[:MOST_ZONES_LISTED]


def _sum(one: ZoneCounts, other: ZoneCounts) -> ZoneCounts:
    return {
        "policy_id": one["policy_id"],
        "version": one["version"],
        "zone": one["zone"],
        "waited": one["waited"] + other["waited"],
        "held_ms": one["held_ms"] + other["held_ms"],
        "refused": one["refused"] + other["refused"],
        "closed": one["closed"] + other["closed"],
        "longest_ms": max(one["longest_ms"], other["longest_ms"]),
    }


def _rank(zone: ZoneCounts) -> tuple[int, int, int, str, int, str]:
    """Time held counts first, then who was sent away, then how many waited; names make the order certain."""
    sent_away = zone["refused"] + zone["closed"]
    return -zone["held_ms"], -sent_away, -zone["waited"], zone["policy_id"], zone["version"], zone["zone"]
