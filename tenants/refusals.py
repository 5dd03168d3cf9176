"""What platforms answered to a tenant's credentials last, where it was no."""

from collections.abc import Iterable
from datetime import UTC, datetime

from relay.store.pool import StoreUnavailable
from relay.store.refusals import read_refusals
from tenants.models.platform_credentials import PlatformCredential


def refusals_of(credentials: Iterable[PlatformCredential]) -> dict[PlatformCredential, str]:
    """The credentials that platforms refused last, each with when and why. Nothing while Redis does not answer."""
    by_id = {str(credential.pk): credential for credential in credentials if credential.is_active}
    try:
        found = read_refusals(by_id)
    except StoreUnavailable:
        return {}
    return {by_id[one]: f"{_moment(refused.at)}: {refused.why}" for one, refused in found.items()}


def _moment(unix_seconds: float) -> str:
    return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
