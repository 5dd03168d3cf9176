"""Jobs on telemetry: roll records up into the database, and forget what was kept long enough."""

import structlog
from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from relay.models.episodes import ThrottleEpisode
from relay.models.processes import Gap, RelayProcess
from relay.models.rollups import Granularity, HandshakeRollup, TrafficRollup
from relay.store.pool import StoreUnavailable
from relay.telemetry.rollups import roll_up

log = structlog.get_logger(__name__)


@shared_task
def roll_up_telemetry() -> None:
    """Add up what relay processes counted since the last time. If a store is away, the next run makes up for it."""
    try:
        roll_up()
    except (StoreUnavailable, OperationalError) as error:
        log.warning("telemetry_not_rolled_up", error=type(error).__name__)


@shared_task
def forget_old_telemetry() -> None:
    """Delete minutes after two days, hours and episodes after 90, days, processes and gaps after two years."""
    now = timezone.now()
    for granularity in Granularity:
        for model in (TrafficRollup, HandshakeRollup):
            old = model._default_manager.filter(granularity=granularity, started_at__lt=now - granularity.kept)  # noqa: SLF001 - Django documents it
            deleted, _ = old.delete()
            log.info("old_rollups_deleted", rows=model._meta.verbose_name, granularity=granularity, count=deleted)  # noqa: SLF001 - as above
    ThrottleEpisode.objects.filter(last_at__lt=now - ThrottleEpisode.KEPT).delete()
    RelayProcess.objects.filter(heard_at__lt=now - RelayProcess.KEPT).delete()
    Gap.objects.filter(started_at__lt=now - RelayProcess.KEPT).delete()
