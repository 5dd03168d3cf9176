"""Which client asks? One query and one fast hash; every refusal looks the same. Then its limit over all addresses."""

import time
from functools import lru_cache

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

from controlplane.oauth.messages import OAuthRequest, too_many
from controlplane.zone_tables import ZoneTable
from relay.throttle.policy import Scope
from tenants.hashers import GeneratedSecretHasher
from tenants.models.clients import OAuthClient

HASHER = GeneratedSecretHasher.algorithm
NOBODY = make_password("nobody", hasher=HASHER)  # hashed for an unknown client, so that it costs the same
TOTAL_ADDRESSES = 5  # a client may ask as often as from so many addresses, from however many it does


def authenticate_client(request: OAuthRequest) -> OAuthClient:
    """The client with this id and secret, with its tenant.

    Raises:
        Refused: 401, in the same words for an unknown client, a wrong secret, a disabled client and a suspended tenant;
            429, the client asked too often from all its addresses together.
    """
    client = OAuthClient.objects.select_related("tenant").filter(client_id=request.client_id).first()
    is_right = check_password(request.client_secret, client.client_secret if client else NOBODY, preferred=HASHER)
    if client is None or not is_right or not client.is_usable(request):
        raise request.refused_client()
    seconds = client_totals().seconds_to_wait(client.client_id, time.monotonic_ns())
    if seconds:
        raise too_many(seconds)
    return client


@lru_cache(maxsize=1)
def client_totals() -> ZoneTable:
    """One zone for each client over all addresses. Only who shows the secret is charged: others can't use it up."""
    return ZoneTable(
        name="token_client_total",
        scope=Scope.CLIENT,
        permits=TOTAL_ADDRESSES * settings.TOKEN_CLIENT_PERMITS,
        burst=TOTAL_ADDRESSES * settings.TOKEN_CLIENT_BURST,
    )
