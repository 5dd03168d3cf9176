"""Which channel a handshake leads to, and whether its client may use it."""

from relay.gateway.authentication import Handshake, Identity
from relay.protocol.denials import Denied, forbidden, not_found, scope_missing
from relay.store.client_records import ChannelRecord, ClientRecord


def channel_for(client: ClientRecord, identity: Identity, handshake: Handshake) -> ChannelRecord:
    """The channel that a handshake names.

    Raises:
        Denied: 404 where the client's tenant has none of that name, or the path names another tenant; 403 where
            the client may not use it, its tenant is suspended, or the token lacks the channel's scope.
    """
    if handshake.tenant_slug and handshake.tenant_slug != client.tenant_slug:
        raise Denied(not_found())
    if not client.tenant_is_active:
        detail = "This tenant is suspended. Its owner can ask the administrator why."
        raise Denied(forbidden("tenant_suspended", detail))
    channel = next((channel for channel in client.channels if channel.name == handshake.channel), None)
    if channel is None:
        if handshake.channel not in client.tenant_channels:
            raise Denied(not_found())
        who = f'Client "{client.name}" may not use channel "{handshake.channel}".'
        raise Denied(forbidden("channel_forbidden", f"{who} An administrator can allow it on the client."))
    if channel.scope and channel.scope not in identity.scopes:
        raise Denied(scope_missing(channel.scope, channel.name))
    return channel
