"""Jobs on control data: heal a Redis that restarted empty, and forget tokens that ended."""

import structlog
from celery import shared_task
from django.utils import timezone
from oauth2_provider.models import AccessToken

from relay.store.pool import StoreUnavailable
from tenants.models.tenants import Tenant
from tenants.models.tokens import RevokedToken
from tenants.snapshots import publish_records

log = structlog.get_logger(__name__)


@shared_task
def rebuild_records() -> None:
    """Put every tenant's client records and revoked tokens into Redis again."""
    for tenant_id in Tenant.objects.values_list("pk", flat=True):
        try:
            publish_records(tenant_id)
        except StoreUnavailable:
            log.warning("records_not_rebuilt", reason="redis does not answer")
            return


@shared_task
def purge_expired_tokens() -> None:
    """Delete the rows of access tokens that ended, and of their revocations: nothing asks for them any more."""
    deleted, _ = AccessToken.objects.filter(expires__lt=timezone.now()).delete()
    revoked, _ = RevokedToken.objects.ended().delete()
    log.info("expired_tokens_purged", count=deleted, revoked=revoked)
