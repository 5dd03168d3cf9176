"""Jobs on control data: heal a Redis that restarted empty, and forget tokens that ended."""

import structlog
from celery import shared_task
from django.db import OperationalError
from django.utils import timezone
from oauth2_provider.models import AccessToken

from relay.store.pool import StoreUnavailable
from tenants.models.tenants import Tenant
from tenants.models.tokens import RevokedToken
from tenants.snapshots import publish_records

log = structlog.get_logger(__name__)
AWAY = (StoreUnavailable, OperationalError)
MOST_UNANSWERED = 5  # tenants, one after the other: Redis or the database is away, not wrong about one of them


class RecordsNotRebuilt(Exception):
    """Some tenants' records could not be put into Redis; the log says whose and why."""


@shared_task
def rebuild_records() -> None:
    """Put every tenant's client records and revoked tokens into Redis again, each tenant's by themselves.

    Raises:
        RecordsNotRebuilt: some could not be; all others were, unless Redis or the database is away.
    """
    failed = unanswered = 0
    for tenant_id in list(Tenant.objects.values_list("pk", flat=True)):
        try:
            publish_records(tenant_id)
        except Exception as error:
            log.exception("records_not_rebuilt", tenant=str(tenant_id))
            failed += 1
            unanswered = unanswered + 1 if isinstance(error, AWAY) else 0
        else:
            unanswered = 0
        if unanswered >= MOST_UNANSWERED:
            break
    if failed:
        raise RecordsNotRebuilt(f"{failed} tenants: the log names them")


@shared_task
def purge_expired_tokens() -> None:
    """Delete the rows of access tokens that ended, and of their revocations: nothing asks for them any more."""
    deleted, _ = AccessToken.objects.filter(expires__lt=timezone.now()).delete()
    revoked, _ = RevokedToken.objects.ended().delete()
    log.info("expired_tokens_purged", count=deleted, revoked=revoked)
