"""Fills the database with one tenant of the scenario, through the product's own actions; what is there stays."""

import msgspec
from django.contrib.auth.hashers import check_password

from controlplane.demonstration.credentials import ClientCredentials
from controlplane.demonstration.environment import Demonstration
from controlplane.demonstration.scenario import (
    BYTE_ZONE,
    CLIENTS,
    SHARED_CONNECTIONS,
    ClientPart,
    Limit,
    TenantPart,
    zones,
)
from tenants.actions.channels import create_channel
from tenants.actions.clients import IssuedSecret, create_client, rotate_client_secret
from tenants.actions.platform_connections import change_platform_connection, create_platform_connection
from tenants.actions.policies import create_draft, create_policy, publish_version, set_zones
from tenants.actions.tenants import create_tenant
from tenants.encryption import CredentialSecret
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.members import User
from tenants.models.platform_connections import PlatformConnection
from tenants.models.policies import PolicyVersion, ThrottlePolicy
from tenants.models.tenants import Tenant

# Known to every simulator; they guard nothing.
PLATFORM_CREDENTIALS = {
    "genesys": CredentialSecret(client_id="demo-genesys", client_secret="demo-genesys-secret"),  # noqa: S106
    "cxone": CredentialSecret(
        client_id="demo-cxone",
        client_secret="demo-cxone-secret",  # noqa: S106
        access_key_id="demo-access-key",
        access_key_secret="demo-access-secret",  # noqa: S106
    ),
}
MESSAGE_ZONE = "client"


class TenantSeed:
    """Makes one tenant and all that is its own."""

    def __init__(self, part: TenantPart, demonstration: Demonstration, acting_user: User) -> None:
        """Nothing is written before ``tenant`` is asked for."""
        self._part = part
        self._demonstration = demonstration
        self._acting_user = acting_user

    def tenant(self) -> Tenant:
        """The tenant itself."""
        found = Tenant.objects.filter(slug=self._part.slug).first()
        return found or create_tenant(name=self._part.name, slug=self._part.slug, acting_user=self._acting_user)

    def clients(self, tenant: Tenant, kept: dict[str, ClientCredentials]) -> list[ClientCredentials]:
        """Its clients with all that they need; a secret that is still right stays, any other is rotated."""
        platform_connection = self._platform_connection(tenant)
        policies = {name: self._policy(tenant, name, limit) for name, limit in self._part.policies.items()}
        issued = [
            self._client(part, self._channel(part, platform_connection), policies[part.policy], kept.get(part.name))
            for part in self._part.clients
        ]
        return [self._credentials(one) for one in issued]

    def _platform_connection(self, tenant: Tenant) -> PlatformConnection:
        """The account on the simulator, wherever that listens this time."""
        addresses = _addresses(self._part.platform, self._demonstration)
        found = PlatformConnection.objects.filter(tenant=tenant, name=self._part.platform_connection).first()
        if found is None:
            return create_platform_connection(
                tenant,
                acting_user=self._acting_user,
                credential=PLATFORM_CREDENTIALS[self._part.platform],
                name=self._part.platform_connection,
                platform=self._part.platform,
                platform_tenant=self._part.slug,
                token_url=addresses["token_url"],
                socket_url=addresses["socket_url"],
            )
        if addresses != {"token_url": found.token_url, "socket_url": found.socket_url}:
            credential = PLATFORM_CREDENTIALS[self._part.platform]  # it was entered for the former addresses
            return change_platform_connection(found, addresses, acting_user=self._acting_user, credential=credential)
        return found

    def _policy(self, tenant: Tenant, name: str, limit: Limit) -> ThrottlePolicy:
        found = ThrottlePolicy.objects.filter(tenant=tenant, name=name).first()
        if found:
            return found
        policy = create_policy(tenant, name=name, acting_user=self._acting_user)
        draft = create_draft(policy, acting_user=self._acting_user, note="The demo's limits")
        publish_version(set_zones(draft, zones(limit), acting_user=self._acting_user), acting_user=self._acting_user)
        return policy

    def _channel(self, part: ClientPart, platform_connection: PlatformConnection) -> Channel:
        tenant = platform_connection.tenant
        return Channel.objects.filter(tenant=tenant, name=part.channel).first() or create_channel(
            tenant,
            acting_user=self._acting_user,
            name=part.channel,
            platform_connection=platform_connection,
            scope=part.scope,
        )

    def _client(
        self, part: ClientPart, channel: Channel, policy: ThrottlePolicy, kept: ClientCredentials | None
    ) -> IssuedSecret:
        found = OAuthClient.objects.filter(tenant=channel.tenant, name=part.name).first()
        if found is None:
            return create_client(
                channel.tenant,
                acting_user=self._acting_user,
                name=part.name,
                channels=[channel],
                scopes=part.scope,
                throttle_policy=policy,
            )
        if kept and kept.client_id == found.client_id and check_password(kept.client_secret, found.client_secret):
            return IssuedSecret(found, kept.client_secret)
        return rotate_client_secret(found, acting_user=self._acting_user)

    def _credentials(self, issued: IssuedSecret) -> ClientCredentials:
        client, part = issued.client, CLIENTS[issued.client.name]
        limit = limit_in_force(client) or self._part.policies[part.policy]
        return ClientCredentials(
            name=client.name,
            tenant=self._part.slug,
            client_id=client.client_id,
            client_secret=issued.secret,
            platform=self._part.platform,
            channel=part.channel,
            path=self._part.path.format(channel=part.channel),
            messages_per_second=limit.messages_per_second,
            burst=limit.burst,
            delay=limit.delay,
            bytes_per_second=limit.bytes_per_second or msgspec.UNSET,
            bytes_burst=limit.bytes_burst if limit.bytes_per_second else msgspec.UNSET,
        )


def limit_in_force(client: OAuthClient) -> Limit | None:
    """What the client's policy says of its messages and bytes at present; none where it says nothing of messages."""
    version = PolicyVersion.objects.published().filter(policy=client.throttle_policy_id).first()
    zones_by_name = {zone.name: zone for zone in version.zones.all()} if version else {}
    rates = {name: _rate(zone.permits, zone.period_seconds) for name, zone in zones_by_name.items()}
    messages, counted_bytes = zones_by_name.get(MESSAGE_ZONE), zones_by_name.get(BYTE_ZONE)
    if messages is None:
        return None
    bytes_burst = counted_bytes.burst if counted_bytes else 0
    return Limit(rates[MESSAGE_ZONE], messages.burst, messages.delay, rates.get(BYTE_ZONE, 0), bytes_burst)


def _rate(permits: int, period_seconds: int) -> float:
    rate = permits / period_seconds
    return int(rate) if rate.is_integer() else rate


def platform_credential(platform: str) -> dict[str, object]:
    """The credential as the simulator is told to know it, with room for many connections."""
    fields = msgspec.structs.asdict(PLATFORM_CREDENTIALS[platform])
    return {"platform": platform, **fields, "connections_per_token": SHARED_CONNECTIONS}


def _addresses(platform: str, demonstration: Demonstration) -> dict[str, str]:
    if platform == "cxone":
        return {
            "token_url": f"{demonstration.simulator_url}/cxone/.well-known/openid-configuration",
            "socket_url": demonstration.simulator_socket_url + "/realtime/{tenant}/{channel}",
        }
    return {
        "token_url": f"{demonstration.simulator_url}/genesys/oauth/token",
        "socket_url": demonstration.simulator_socket_url + "/v2/websocket/{channel}",
    }
