"""What the relay must know of a client, kept in Redis: written by tenants' actions, read at the handshake."""

import itertools
from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import quote

import msgspec
import redis.asyncio

from relay.platforms.templates import filled
from relay.store import keys
from relay.store.pool import answer_to, blocking
from relay.throttle.fairness import Priority
from relay.throttle.policy import PolicyRefused, PolicySnapshot

Fields = dict[bytes | bytearray | memoryview | str | int | float, bytes | bytearray | memoryview | str | int | float]
WRITTEN, FORM = "written", "2"  # a field beside the clients, and the form in which they are written; forms count up


class Platform(StrEnum):
    """Which contact-center platform a connection leads to."""

    GENESYS = "genesys"
    CXONE = "cxone"


class CredentialRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a relay logs in with at a platform. It stays encrypted."""

    id: str
    name: str
    encrypted_secret: str
    policies: tuple[PolicySnapshot, ...] = ()


class PlatformConnectionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's account on a platform, as the relay needs it, with the credentials that are switched on."""

    id: str
    name: str
    platform: Platform
    is_active: bool
    token_url: str  # CXone: the address of the OpenID discovery document
    socket_url: str  # a template: {tenant} is the tenant's id on the platform, {channel} the platform's channel
    platform_tenant: str
    ca_certificate: str  # PEM of a private authority, or empty for the system's
    credentials: tuple[CredentialRecord, ...] = ()
    policies: tuple[PolicySnapshot, ...] = ()

    def credential(self, credential_id: str) -> CredentialRecord | None:
        """One of its credentials; none where it was switched off or deleted."""
        return next((each for each in self.credentials if each.id == credential_id), None)


class ChannelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that a client may use: where it leads, and the scope that it asks for."""

    id: str
    name: str
    platform_channel: str
    scope: str
    platform_connection: PlatformConnectionRecord
    priority: Priority = Priority.NORMAL
    policies: tuple[PolicySnapshot, ...] = ()

    @property
    def socket_url(self) -> str:
        """Where its sockets lead on the platform."""
        names = {"channel": self.platform_channel, "tenant": self.platform_connection.platform_tenant}
        values = {name: quote(value, safe="") for name, value in names.items()}
        return filled(self.platform_connection.socket_url, values)


class ClientRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth client with all that admits and limits it. ``policies`` are the client's and its tenant's."""

    client_id: str
    name: str
    is_active: bool
    tenant_id: str
    tenant_slug: str
    tenant_is_active: bool
    scopes: tuple[str, ...]
    tokens_valid_from: float  # Unix seconds; tokens issued before are revoked
    channels: tuple[ChannelRecord, ...]
    tenant_channels: tuple[str, ...]  # names of all the tenant's channels: 403 differs from 404
    weight: int = 1  # of its share, where clients want more of a limit than there is
    policies: tuple[PolicySnapshot, ...] = ()

    def versions(self) -> dict[str, int]:
        """The published versions that hold the client on any of its channels, by the policies' ids."""
        policies = [*self.policies]
        for channel in self.channels:
            policies += [*channel.policies, *channel.platform_connection.policies]
            policies += itertools.chain.from_iterable(each.policies for each in channel.platform_connection.credentials)
        return {policy.policy_id: policy.version for policy in policies if policy.version}


class RecordsMissing(LookupError):
    """Redis holds no records of a tenant, or damaged ones: they must be built again from the database."""


class RecordsNewer(LookupError):
    """Records are in a form of a later release. They are left alone: processes that rewrite each other's never end."""


def replace_records(tenant_id: str, records: Iterable[ClientRecord]) -> None:
    """Put a tenant's records in place of all that were there, in one step.

    Raises:
        StoreUnavailable: Redis did not answer; the old records stand.
    """
    encoded: Fields = {record.client_id: msgspec.json.encode(record).decode() for record in records}
    encoded[WRITTEN] = FORM
    with blocking().pipeline(transaction=True) as transaction:
        transaction.delete(keys.clients(tenant_id))
        transaction.hset(keys.clients(tenant_id), mapping=encoded)
        transaction.execute()


async def load_record(redis_on_loop: redis.asyncio.Redis, tenant_id: str, client_id: str) -> ClientRecord | None:
    """Read one client's record; none where the tenant has no such client.

    Raises:
        RecordsMissing: the tenant's records were never written, are in a former form, or are damaged.
        RecordsNewer: they are in the form of a later release.
        StoreUnavailable: Redis did not answer.
    """
    try:
        fields = await answer_to(lambda: redis_on_loop.hmget(keys.clients(tenant_id), [WRITTEN, client_id]))
    except UnicodeDecodeError as error:
        raise RecordsMissing(tenant_id) from error
    form, encoded = fields
    if form != FORM:
        raise RecordsNewer(tenant_id) if _is_later(form) else RecordsMissing(tenant_id)
    if encoded is None:
        return None
    try:
        return msgspec.json.decode(encoded, type=ClientRecord)
    except (msgspec.DecodeError, PolicyRefused, RecursionError) as error:
        raise RecordsMissing(tenant_id) from error


def _is_later(form: object) -> bool:
    """Tell whether it is a form that this release does not know yet."""
    return isinstance(form, str) and form.isascii() and form.isdecimal() and (len(form), form) > (len(FORM), FORM)
