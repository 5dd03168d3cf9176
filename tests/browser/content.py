"""An installation after some weeks of use, made by the product's own actions: something of every kind and state."""

from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from controlplane.celery import application
from relay.models.processes import RelayProcess
from relay.telemetry.records import FlowRecord, HandshakeRecord, TelemetryRecord
from relay.telemetry.rollups import roll_up
from relay.telemetry.throttles import ThrottleRecord
from relay.throttle.policy import default_zones
from tenants.actions.channels import create_channel
from tenants.actions.clients import change_client, create_client, disable_client
from tenants.actions.members import add_member
from tenants.actions.people import create_person
from tenants.actions.platform_connections import create_platform_connection
from tenants.actions.policies import create_draft, create_policy, publish_version, set_zones
from tenants.actions.tenants import change_tenant, create_tenant, suspend_tenant
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.members import Member, User
from tenants.models.platform_connections import PlatformConnection
from tenants.models.policies import PolicyVersion, ThrottlePolicy
from tenants.models.tenants import Tenant
from tests.relay.counted import append
from tests.tenants.factories import CREDENTIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A row of each kind, to open its page."""

    tenant: Tenant
    suspended: Tenant
    member: Member
    connection: PlatformConnection
    channel: Channel
    client: OAuthClient
    disabled: OAuthClient
    policy: ThrottlePolicy
    retired: PolicyVersion
    published: PolicyVersion
    draft: PolicyVersion
    job: PeriodicTask


def furnished(root: User) -> Content:
    """Make it all."""
    acme = create_tenant(name="Acme Travel", slug="acme", acting_user=root)
    policy, versions = _policy(acme, root)
    connection, channels = _channels(acme, root)
    client, disabled = _clients(acme, channels, policy, root)
    change_tenant(acme, {"throttle_policy": policy}, acting_user=root)
    _telemetry(client, versions[1])
    return Content(
        tenant=acme,
        suspended=_suspended(root),
        member=_people(acme, root),
        connection=connection,
        channel=channels[0],
        client=client,
        disabled=disabled,
        policy=policy,
        retired=versions[0],
        published=versions[1],
        draft=versions[2],
        job=_job(),
    )


def _policy(tenant: Tenant, root: User) -> tuple[ThrottlePolicy, list[PolicyVersion]]:
    """A policy with a version in each state."""
    policy = create_policy(tenant, name="Web chat", acting_user=root)
    versions = []
    for permits, note in ((100, "First version"), (60, "Genesys asked us to go slower"), (80, "")):
        zones = [replace(zone, permits=permits) if zone.name == "client" else zone for zone in default_zones()]
        draft = set_zones(create_draft(policy, note=note, acting_user=root), zones, acting_user=root)
        versions.append(draft)
    for draft in versions[:2]:
        publish_version(draft, acting_user=root)
    create_policy(tenant, name="Nightly batch", acting_user=root)
    return policy, versions


def _channels(tenant: Tenant, root: User) -> tuple[PlatformConnection, list[Channel]]:
    connection = create_platform_connection(
        tenant,
        acting_user=root,
        credential=CREDENTIAL,
        name="Genesys production",
        platform="genesys",
        region="mypurecloud.ie",
    )
    create_platform_connection(tenant, acting_user=root, name="CXone trial", platform="cxone", platform_tenant="4711")
    parts = (("web-chat", "webchat:send"), ("orders", ""), ("speech-analytics", "api:write"))
    channels = [
        create_channel(tenant, acting_user=root, name=name, platform_connection=connection, scope=scope)
        for name, scope in parts
    ]
    return connection, channels


def _clients(
    tenant: Tenant, channels: list[Channel], policy: ThrottlePolicy, root: User
) -> tuple[OAuthClient, OAuthClient]:
    client = create_client(
        tenant, acting_user=root, name="Web chat bridge", channels=channels[:2], scopes="webchat:send api:read"
    ).client
    change_client(client, {"throttle_policy": policy}, acting_user=root)
    create_client(
        tenant, acting_user=root, name="crm-sync", channels=channels, scopes="api:write", token_life_seconds=86_400
    )
    disabled = create_client(tenant, acting_user=root, name="Old order feed").client
    return client, disable_client(disabled, acting_user=root)


def _suspended(root: User) -> Tenant:
    umbrella = create_tenant(name="Umbrella Insurance", slug="umbrella", acting_user=root)
    return suspend_tenant(umbrella, acting_user=root)


def _people(tenant: Tenant, root: User) -> Member:
    """A person in each role; answers the first one's membership."""
    people = [
        create_person(username=name, email=f"{name}@acme.example", acting_user=root)
        for name in ("alice", "bob", "carol")
    ]
    members = [
        add_member(tenant, person, role=role, acting_user=root)
        for person, role in zip(people, Member.Role.values, strict=True)
    ]
    return members[0]


def _telemetry(client: OAuthClient, version: PolicyVersion) -> None:
    """An hour of two relay processes, of which one lost a record and the other was killed."""
    whose, hour_ago = (str(client.tenant_id), client.client_id), timezone.now() - timedelta(hours=1)
    flow = FlowRecord(*whose, _web_chat(client), "to_platform", 1200, 340_000, 2, 40, 0, [1160, *[0] * 13, 40])
    handshakes = [HandshakeRecord(*whose, "accepted", 3), HandshakeRecord(*whose, "rate_limited", 1)]
    throttles = [_throttle(client, version, hour_ago.timestamp())]
    for worker, sequence in (("7-5f1c", 1), ("7-5f1c", 3), ("8-90ab", 1)):
        append(TelemetryRecord(worker, sequence, hour_ago.timestamp(), [flow], handshakes, throttles))
    roll_up()
    RelayProcess.objects.filter(worker="8-90ab").update(heard_at=hour_ago)
    roll_up()


def _throttle(client: OAuthClient, version: PolicyVersion, last_at: float) -> ThrottleRecord:
    """What a zone of the client's policy held back for half a minute."""
    whose = str(client.tenant_id), client.client_id, _web_chat(client)
    source = str(version.policy_id), version.number, "connection"
    return ThrottleRecord(*whose, *source, last_at - 30, last_at, 40, 52_000, 1, 0)


def _web_chat(client: OAuthClient) -> str:
    return str(client.channels.get(name="web-chat").pk)


def _job() -> PeriodicTask:
    """As beat makes it of the settings at its first start."""
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        ModelEntry.from_entry(name, app=application, **entry)
    return PeriodicTask.objects.get(name="rebuild client records")
