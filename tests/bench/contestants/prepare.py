"""Fills a new database for the relay under test, through the product's own actions. Run by ours.py inside manage.py."""

import time
from uuid import uuid4

import msgspec
from django.conf import settings
from django.core.management import call_command
from joserfc import jwt
from joserfc.jwk import RSAKey

from relay.gateway.authentication import ALGORITHM, AUDIENCE, TOKEN_TYPE
from relay.throttle.policy import Beyond, Counted, Scope, ZonePolicy
from tenants.actions.channels import create_channel
from tenants.actions.clients import create_client
from tenants.actions.platform_connections import create_platform_connection
from tenants.actions.policies import create_draft, create_policy, publish_version, set_zones
from tenants.actions.tenants import create_tenant
from tenants.encryption import CredentialSecret
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.members import User
from tenants.models.policies import ThrottlePolicy
from tenants.models.tenants import Tenant
from tests.bench.contestants.contestant import PLAIN, TLS
from tests.bench.contestants.platform import Platform
from tests.bench.decision import WIDE, five_zones

_TOKEN_LIFE_SECONDS = 24 * 3600
_CREDENTIAL = CredentialSecret(client_id="demo-genesys", client_secret="demo-genesys-secret")  # noqa: S106  public


def prepare(encoded_platform: bytes) -> None:
    """Make a tenant with a channel for each upstream and one client, and print the client's token."""
    platform = msgspec.json.decode(encoded_platform, type=Platform)
    call_command("migrate", verbosity=0)
    root = User.objects.create_superuser("bench")
    tenant = create_tenant(name="Bench", slug="bench", acting_user=root)
    channels = [
        _channel(tenant, root, PLAIN, platform, f"ws://127.0.0.1:{platform.plain_port}"),
        _channel(tenant, root, TLS, platform, f"wss://127.0.0.1:{platform.tls_port}"),
    ]
    policy = _policy(tenant, root)
    issued = create_client(tenant, name="load", acting_user=root, channels=channels, throttle_policy=policy)
    print(_token(issued.client))


def _channel(tenant: Tenant, root: User, name: str, platform: Platform, address: str) -> Channel:
    connection = create_platform_connection(
        tenant,
        name=name,
        platform="genesys",
        credential=_CREDENTIAL,
        token_url=f"http://127.0.0.1:{platform.token_port}/oauth/token",
        socket_url=f"{address}/v2/websocket/{{channel}}",
        ca_certificate=platform.authority,
        acting_user=root,
    )
    return create_channel(tenant, name=name, platform_connection=connection, acting_user=root)


def _policy(tenant: Tenant, root: User) -> ThrottlePolicy:
    """Limits that are all judged and never reached."""
    policy = create_policy(tenant, name="wide", acting_user=root)
    draft = create_draft(policy, acting_user=root)
    zones = (
        *five_zones(),
        ZonePolicy(
            name="handshakes", counted=Counted.HANDSHAKES, permits=WIDE, burst=WIDE, delay=WIDE, beyond=Beyond.REJECT
        ),
        ZonePolicy(name="connections", counted=Counted.OPEN_CONNECTIONS, permits=WIDE, beyond=Beyond.REJECT),
        ZonePolicy(
            name="credential_connections",
            scope=Scope.CREDENTIAL,
            counted=Counted.OPEN_CONNECTIONS,
            permits=WIDE,
            beyond=Beyond.REJECT,
        ),
        ZonePolicy(
            name="control_frames",
            counted=Counted.CONTROL_FRAMES,
            scope=Scope.CONNECTION,
            permits=WIDE,
            burst=WIDE,
            delay=WIDE,
        ),
    )
    publish_version(set_zones(draft, zones, acting_user=root), acting_user=root)
    return policy


def _token(client: OAuthClient) -> str:
    """An access token as web signs it, for a day: longer than any run."""
    now = int(time.time())
    claims = {
        "iss": settings.WEB_URL,
        "aud": AUDIENCE,
        "sub": client.client_id,
        "client_id": client.client_id,
        "tenant": str(client.tenant_id),
        "jti": uuid4().hex,
        "iat": now,
        "exp": now + _TOKEN_LIFE_SECONDS,
        "scope": "",
    }
    key = RSAKey.import_key(settings.SIGNING_KEY)
    return jwt.encode({"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.thumbprint()}, claims, key)
