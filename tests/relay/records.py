"""Client records as tenants' actions write them, made without a database: name only what matters to the test."""

import time
from contextlib import suppress
from functools import cache
from typing import Any
from uuid import uuid4

import msgspec
from django.conf import settings
from joserfc import jwt
from joserfc.jwk import RSAKey

from relay.gateway.authentication import ALGORITHM, AUDIENCE, TOKEN_TYPE
from relay.store.client_records import ChannelRecord, ClientRecord, CredentialRecord, Platform, PlatformConnectionRecord
from relay.throttle.policy import SECOND_NS, PolicySnapshot, ZonePolicy
from tenants.encryption import CredentialSecret, CredentialUnusable, encrypt_credential

CREDENTIAL = CredentialSecret(client_id="demo-genesys", client_secret="demo-genesys-secret")  # noqa: S106
CHANNELS = ("echo", "orders", "push")  # the simulator behaves by these names
TOKEN_LIFE_SECONDS = 600


def policy(*zones: ZonePolicy, version: int = 1, policy_id: str = "") -> PolicySnapshot:
    """A published version with these zones."""
    return PolicySnapshot(policy_id or str(uuid4()), version, zones)


def hourly(passing: int, **changes: object) -> ZonePolicy:
    """A zone that lets so many pass at once, and then one an hour: in a test, no more."""
    fields: dict[str, Any] = {"name": "client", "permits": 1, "period_ns": 3600 * SECOND_NS}
    fields |= {"burst": passing - 1, "delay": passing - 1}
    return ZonePolicy(**(fields | changes))


def platform_connection(platform_url: str, **changes: object) -> PlatformConnectionRecord:
    """An account on a platform at ``http://...`` or ``https://...``."""
    platform_url = platform_url or "http://127.0.0.1:1"
    fields: dict[str, Any] = {
        "id": str(uuid4()),
        "name": "Genesys",
        "platform": Platform.GENESYS,
        "is_active": True,
        "token_url": f"{platform_url}/oauth/token",
        "socket_url": f"ws{platform_url.removeprefix('http')}/v2/websocket/{{channel}}",
        "platform_tenant": "",
        "ca_certificate": "",
    }
    connection = PlatformConnectionRecord(**(fields | changes))
    return connection if "credentials" in changes else with_credential(connection, CREDENTIAL)


def leading_to(connection: PlatformConnectionRecord, **addresses: str) -> PlatformConnectionRecord:
    """The same account at other addresses, for which its credential was entered anew."""
    return with_credential(msgspec.structs.replace(connection, credentials=(), **addresses), CREDENTIAL)


def with_credential(connection: PlatformConnectionRecord, credential: CredentialSecret) -> PlatformConnectionRecord:
    """The same account with a credential that was entered for where it leads."""
    with suppress(CredentialUnusable):  # tests lead to what is no address, too
        encrypted = encrypt_credential(credential, (connection.token_url, connection.socket_url))
        one = CredentialRecord(id=f"credential of {connection.id}", name="Main", encrypted_secret=encrypted)
        return msgspec.structs.replace(connection, credentials=(one,))
    return connection


def channel(connection: PlatformConnectionRecord, name: str = "echo", **changes: object) -> ChannelRecord:
    """A channel that asks for no scope."""
    fields: dict[str, Any] = {"id": str(uuid4()), "name": name, "platform_channel": name, "scope": ""}
    return ChannelRecord(platform_connection=connection, **(fields | changes))


def client(connection: PlatformConnectionRecord, **changes: object) -> ClientRecord:
    """A client of a tenant of its own, that may use all channels and has no limits."""
    tenant_id = str(uuid4())
    fields: dict[str, Any] = {
        "client_id": str(uuid4()),
        "name": "Webchat",
        "is_active": True,
        "tenant_id": tenant_id,
        "tenant_slug": f"tenant-{tenant_id[:8]}",
        "tenant_is_active": True,
        "scopes": (),
        "tokens_valid_from": 0.0,
        "channels": tuple(channel(connection, name) for name in CHANNELS),
        "tenant_channels": CHANNELS,
    }
    return ClientRecord(**(fields | changes))


def claims_of(record: ClientRecord, **changes: object) -> dict[str, object]:
    """What web says of a client in an access token."""
    now = time.time()
    return {
        "iss": settings.WEB_URL,
        "sub": record.client_id,
        "client_id": record.client_id,
        "aud": AUDIENCE,
        "iat": now,
        "exp": int(now) + TOKEN_LIFE_SECONDS,
        "jti": uuid4().hex,
        "scope": " ".join(record.scopes),
        "tenant": record.tenant_id,
    } | changes


def token_of(record: ClientRecord, **changes: object) -> str:
    """An access token of a client, as web signs it."""
    key = signing_key(settings.SIGNING_KEY)
    header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.thumbprint()}
    return jwt.encode(header, claims_of(record, **changes), key)


@cache
def signing_key(pem: str) -> RSAKey:
    """The key; to read one takes longer than a handshake."""
    return RSAKey.import_key(pem)
