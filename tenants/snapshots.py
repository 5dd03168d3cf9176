"""Control data as the relay needs it: built from the database in a fixed number of queries, and given to Redis."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch

from relay.store.announcements import announce
from relay.store.client_records import (
    ChannelRecord,
    ClientRecord,
    CredentialRecord,
    Platform,
    PlatformConnectionRecord,
    replace_records,
)
from relay.store.receipts import note_announced
from relay.store.revocations import list_revoked_tokens
from relay.throttle.fairness import Priority
from relay.throttle.policy import PolicySnapshot, default_zones, kept_defaults
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import PlatformCredential
from tenants.models.policies import PolicyVersion
from tenants.models.tenants import Tenant
from tenants.models.tokens import RevokedToken

DEFAULT_POLICY = PolicySnapshot("default", 0, default_zones())


def publish_on_commit(tenant_id: UUID) -> None:
    """Give the relay what the current transaction changes, once it is certain; a failure is logged and mended later."""
    transaction.on_commit(lambda: publish_records(tenant_id), robust=True)  # a partial has no name for the log


def publish_revocation_on_commit(tenant_id: UUID, ends: Mapping[str, float]) -> None:
    """Tell relays of revoked tokens, by id with their ends, without the tenant's records: those cost more."""

    def publish() -> None:
        list_revoked_tokens(str(tenant_id), ends)
        announce(str(tenant_id))

    transaction.on_commit(publish, robust=True)


def publish_records(tenant_id: UUID) -> None:
    """Put a tenant's client records and revoked tokens into Redis and tell every relay.

    The tenant's row is locked meanwhile: of two changes at the same time the later one is what stays.

    Raises:
        StoreUnavailable: Redis did not answer; `rebuild_records` does it within a minute of Redis being back.
    """
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
        policies = published_policies(tenant) if tenant else {}
        list_revoked_tokens(str(tenant_id), _revoked_tokens(tenant_id))  # first: who finds the records finds these too
        replace_records(str(tenant_id), _client_records(tenant, policies) if tenant else ())
        entry_id = announce(str(tenant_id))
        versions = {snapshot.policy_id: snapshot.version for snapshot in policies.values()}
        note_announced(str(tenant_id), entry_id, versions)


def build_records(tenant: Tenant) -> list[ClientRecord]:
    """The record of each of a tenant's clients, disabled ones too: relays must close their connections."""
    return _client_records(tenant, published_policies(tenant))


def published_policies(tenant: Tenant) -> dict[UUID | None, PolicySnapshot]:
    """What is in force of each of a tenant's policies, by the policy's id."""
    versions = PolicyVersion.objects.published().filter(policy__tenant=tenant).prefetch_related("zones")
    return {version.policy_id: version.snapshot() for version in versions}


def policies_of_client(own: PolicySnapshot | None) -> tuple[PolicySnapshot, ...]:
    """What holds for a client alone: its own policy and the defaults that this leaves in force, or all defaults."""
    if own is None:
        return (DEFAULT_POLICY,)
    kept = kept_defaults(own.zones)
    return (own, PolicySnapshot(DEFAULT_POLICY.policy_id, DEFAULT_POLICY.version, kept)) if kept else (own,)


def _revoked_tokens(tenant_id: UUID) -> dict[str, float]:
    """The ends of a tenant's revoked tokens, by id."""
    revoked = RevokedToken.objects.in_force().filter(tenant_id=tenant_id)
    return {token.token_id: token.ends_at.timestamp() for token in revoked}


def _client_records(tenant: Tenant, policies: dict[UUID | None, PolicySnapshot]) -> list[ClientRecord]:
    channels = _channel_records(tenant, policies)
    names = tuple(sorted(record.name for record in channels.values()))
    chosen = Prefetch("channels", queryset=Channel.objects.only("pk"))
    clients = OAuthClient.objects.filter(tenant=tenant).prefetch_related(chosen)
    return [
        ClientRecord(
            client_id=client.client_id,
            name=client.name,
            is_active=client.is_active,
            tenant_id=str(tenant.pk),
            tenant_slug=tenant.slug,
            tenant_is_active=tenant.is_active,
            scopes=client.scope_names,
            tokens_valid_from=client.tokens_valid_from.timestamp(),
            channels=tuple(channels[channel.pk] for channel in client.channels.all()),
            tenant_channels=names,
            weight=client.weight,
            policies=(
                *policies_of_client(policies.get(client.throttle_policy_id)),
                *_policy(policies, tenant.throttle_policy_id),
            ),
        )
        for client in clients
    ]


def _channel_records(tenant: Tenant, policies: dict[UUID | None, PolicySnapshot]) -> dict[UUID, ChannelRecord]:
    active = Prefetch("platform_connection__credentials", queryset=PlatformCredential.objects.filter(is_active=True))
    channels = Channel.objects.filter(tenant=tenant).select_related("platform_connection").prefetch_related(active)
    return {
        channel.pk: channel_record(channel, connection_record(channel.platform_connection, policies), policies)
        for channel in channels
    }


def channel_record(
    channel: Channel, connection: PlatformConnectionRecord, policies: Mapping[UUID | None, PolicySnapshot]
) -> ChannelRecord:
    """A channel and where it leads, with what is in force of its policy."""
    return ChannelRecord(
        id=str(channel.pk),
        name=channel.name,
        platform_channel=channel.effective_platform_channel,
        scope=channel.scope,
        platform_connection=connection,
        priority=Priority(channel.priority),
        policies=_policy(policies, channel.throttle_policy_id),
    )


def connection_record(
    connection: PlatformConnection, policies: Mapping[UUID | None, PolicySnapshot]
) -> PlatformConnectionRecord:
    """A platform connection with those of its credentials that are switched on, and what is in force of policies."""
    return PlatformConnectionRecord(
        id=str(connection.pk),
        name=connection.name,
        platform=Platform(connection.platform),
        is_active=connection.is_active,
        token_url=connection.effective_token_url,
        socket_url=connection.effective_socket_url,
        platform_tenant=connection.platform_tenant,
        ca_certificate=connection.ca_certificate,
        credentials=tuple(
            CredentialRecord(
                id=str(credential.pk),
                name=credential.name,
                encrypted_secret=credential.encrypted_secret,
                policies=_policy(policies, credential.throttle_policy_id),
            )
            for credential in connection.used_credentials
        ),
        policies=_policy(policies, connection.throttle_policy_id),
    )


def _policy(policies: Mapping[UUID | None, PolicySnapshot], policy_id: UUID | None) -> tuple[PolicySnapshot, ...]:
    """What is in force of one policy: nothing where there is none, or none was published yet."""
    return (policies[policy_id],) if policy_id in policies else ()
