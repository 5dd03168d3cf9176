"""Joins what zones did second by second, in all relay processes, into episodes with a begin and an end."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from relay.models.episodes import EPISODE_QUIET_SECONDS, ThrottleEpisode
from relay.telemetry.fields import uuid_of
from relay.telemetry.records import TelemetryRecord
from relay.telemetry.throttles import ThrottleRecord

QUIET = timedelta(seconds=EPISODE_QUIET_SECONDS)
COUNTS = ("waited", "held_ms", "refused", "closed")
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
        """Lengthen the episodes that go on, and begin the others. Nobody else may do so at the same time."""
        if not self._stretches:
            return
        self._stretches.sort(key=lambda stretch: stretch.began_at)
        near, begun, lengthened = self._stored(), [], {}
        for stretch in self._stretches:
            episode = next((one for one in near[stretch.key] if _touches(one, stretch)), None)
            if episode is None:
                near[stretch.key].append(stretch)
                begun.append(stretch)
                continue
            _join(episode, stretch)
            if episode.pk:
                lengthened[episode.pk] = episode
        ThrottleEpisode.objects.bulk_create(begun)
        ThrottleEpisode.objects.bulk_update(lengthened.values(), ["began_at", "last_at", *COUNTS], ROWS_A_STATEMENT)

    def _stored(self) -> defaultdict[Key, list[ThrottleEpisode]]:
        """The episodes in the database that a stretch may belong to; a late record may belong to an old one."""
        near: defaultdict[Key, list[ThrottleEpisode]] = defaultdict(list)
        latest = max(stretch.last_at for stretch in self._stretches)
        for episode in ThrottleEpisode.objects.filter(
            last_at__gte=self._stretches[0].began_at - QUIET, began_at__lte=latest + QUIET
        ):
            near[episode.key].append(episode)
        return near


def _stretch(throttle: ThrottleRecord) -> ThrottleEpisode:
    """An episode of what one record tells."""
    return ThrottleEpisode(
        tenant_id=uuid_of(throttle.tenant_id),
        client_id=throttle.client_id,
        channel_id=uuid_of(throttle.channel_id),
        policy_id=throttle.policy_id,
        version=throttle.version,
        zone=throttle.zone,
        began_at=datetime.fromtimestamp(throttle.began_at, UTC),
        last_at=datetime.fromtimestamp(max(throttle.began_at, throttle.last_at), UTC),
        **{count: getattr(throttle, count) for count in COUNTS},
    )


def _touches(episode: ThrottleEpisode, stretch: ThrottleEpisode) -> bool:
    return stretch.began_at <= episode.last_at + QUIET and stretch.last_at >= episode.began_at - QUIET


def _join(episode: ThrottleEpisode, stretch: ThrottleEpisode) -> None:
    episode.began_at = min(episode.began_at, stretch.began_at)
    episode.last_at = max(episode.last_at, stretch.last_at)
    for count in COUNTS:
        setattr(episode, count, getattr(episode, count) + getattr(stretch, count))
