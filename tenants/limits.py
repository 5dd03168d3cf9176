"""What is in force for a client: every version that counts, and why. Decides nothing: relay/throttle does."""

from dataclasses import dataclass

from relay.throttle.policy import PolicySnapshot, ZonePolicy
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import PlatformCredential
from tenants.snapshots import policies_of_client, published_policies

Holder = tuple[str, Channel | PlatformConnection | PlatformCredential]
DEFAULTS = "Floodgate's defaults"
KEPT_DEFAULTS = "Floodgate's defaults, also in force: its own policy does not replace them"


@dataclass(frozen=True, slots=True)
class LimitsInForce:
    """The zones of one published version, and why they hold for a client."""

    reason: str
    version: int  # 0: Floodgate's defaults
    zones: tuple[ZonePolicy, ...]


def limits_of_client(client: OAuthClient) -> list[LimitsInForce]:
    """Everything that limits a client, from its own policy to those of the accounts behind its channels."""
    policies = published_policies(client.tenant)
    own = policies.get(client.throttle_policy_id)
    reasons = [DEFAULTS] if own is None else [f"its own policy, {client.throttle_policy}", KEPT_DEFAULTS]
    limits = [_in_force(*each) for each in zip(reasons, policies_of_client(own), strict=False)]
    if client.tenant.throttle_policy_id in policies:
        shared = policies[client.tenant.throttle_policy_id]
        limits.append(_in_force(f"the tenant's policy, {client.tenant.throttle_policy}", shared))
    channels = client.channels.select_related("throttle_policy", "platform_connection__throttle_policy")
    for channel in channels.prefetch_related("platform_connection__credentials__throttle_policy"):
        connection = channel.platform_connection
        credentials = [(one.full_name, one) for one in connection.credentials.all() if one.is_active]
        holders: list[Holder] = [(channel.name, channel), (connection.name, connection), *credentials]
        for name, holder in holders:
            if holder.throttle_policy_id in policies:
                sentence = f"the policy of {name}, {holder.throttle_policy}"
                limits.append(_in_force(sentence, policies[holder.throttle_policy_id]))
    return list(dict.fromkeys(limits))


def _in_force(reason: str, snapshot: PolicySnapshot) -> LimitsInForce:
    return LimitsInForce(reason, snapshot.version, snapshot.zones)
