"""Which client asks? One query and one fast hash; every refusal looks the same."""

from django.contrib.auth.hashers import check_password, make_password

from controlplane.oauth.messages import OAuthRequest
from tenants.hashers import GeneratedSecretHasher
from tenants.models.clients import OAuthClient

HASHER = GeneratedSecretHasher.algorithm
NOBODY = make_password("nobody", hasher=HASHER)  # hashed for an unknown client, so that it costs the same


def authenticate_client(request: OAuthRequest) -> OAuthClient:
    """The client with this id and secret, with its tenant.

    Raises:
        Refused: 401, in the same words for an unknown client, a wrong secret, a disabled client and a suspended tenant.
    """
    client = OAuthClient.objects.select_related("tenant").filter(client_id=request.client_id).first()
    is_right = check_password(request.client_secret, client.client_secret if client else NOBODY, preferred=HASHER)
    if client is None or not is_right or not client.is_usable(request):
        raise request.refused_client()
    return client
