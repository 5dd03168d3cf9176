"""May it come in, and under which limits? The channel, then the handshake zones, then the connection caps."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relay.gateway.authentication import Handshake, Identity
from relay.protocol.denials import (
    LARGEST_SPREAD_SECONDS,
    Denial,
    Denied,
    forbidden,
    not_found,
    scope_missing,
    too_many,
    varied,
)
from relay.protocol.forwarded import subscriber
from relay.store.client_records import ChannelRecord, ClientRecord
from relay.telemetry.counters import Counters, ThrottleCounter, ThrottleKey
from relay.throttle.cap import first_full
from relay.throttle.limiter import FrameLimits, Limiter, SessionLimits
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Direction, PolicySnapshot, Scope, ZonePolicy, ZoneSource
from relay.throttle.verdict import PASS, Action
from relay.throttle.zones import ZoneKey, Zones, keyed_zones

CAP_RETRY_SECONDS = 5
ADDRESS_POLICY = "address"
NOBODY = ("", "", "")  # tenant, client and channel, before a token was read
ScopeIds = dict[Scope, str]
FLOWING = (Counted.MESSAGES, Counted.BYTES, Counted.CONTROL_FRAMES)


class Admission:
    """The zones and caps of one process, and who may pass them."""

    def __init__(self, address_permits: int, address_burst: int, counters: Counters) -> None:
        """Count in ``counters`` what is refused or must wait.

        The two figures limit handshakes a second from one address, before any token is looked at.
        """
        self.zones = Zones()
        self._counters = counters
        self._connection_numbers = itertools.count(1)
        self._refusals = itertools.count()
        self._address_policy = ZonePolicy(
            name="address_handshakes",
            scope=Scope.ADDRESS,
            counted=Counted.HANDSHAKES,
            permits=address_permits,
            burst=address_burst,
            delay=address_burst,
            beyond=Beyond.REJECT,
        )

    def spread_seconds(self) -> int:
        """What is added to the next Retry-After: those who are refused together must not come back together."""
        return next(self._refusals) % (LARGEST_SPREAD_SECONDS + 1)

    def forget_those_at_rest(self) -> None:
        """Drop zones that nobody uses and that would be the same if they were made anew."""
        self.zones.forget_those_at_rest(time.monotonic_ns())

    def admit_address(self, address: str) -> None:
        """Charge a handshake to its address.

        Raises:
            Denied: too many came from there.
        """
        now_ns = time.monotonic_ns()
        key = ZoneKey(Scope.ADDRESS, subscriber(address), ADDRESS_POLICY, self._address_policy.name)
        zone = self.zones.zone(key, self._address_policy, 0, now_ns)
        verdict = Limiter([zone]).admit(now_ns)
        if verdict.action is Action.REJECT:
            self._counters.throttle(ThrottleKey(*NOBODY, zone.source)).refuse(now_ns)
            raise Denied(_too_many(self._address_policy, verdict.wait_ns, self.spread_seconds()))

    @asynccontextmanager
    async def admitted(self, client: ClientRecord, channel: ChannelRecord, address: str) -> AsyncIterator[ScopeIds]:
        """Charge a handshake to its client's zones and count the connection as open until the end.

        Yields:
            Whose traffic the connection's is, scope by scope: ``limits`` wants it.

        Raises:
            Denied: a zone or cap is used up; nothing was charged or counted.
        """
        policies = effective_policies(client, channel)
        scope_ids = self._scope_ids(client, channel, address)
        caps = [self.zones.cap(*keyed) for keyed in keyed_zones(policies, scope_ids, [Counted.OPEN_CONNECTIONS])]
        full = first_full(caps)
        if full is not None:
            self._throttle(client, channel, full.source).refuse(time.monotonic_ns())
            raise Denied(_connection_limit(full.name, full.limit, self.spread_seconds()))
        wait_ns = self._charge_handshake(client, channel, scope_ids)
        for cap in caps:
            cap.take()
        try:
            if wait_ns:
                await asyncio.sleep(wait_ns / SECOND_NS)
            yield scope_ids
        finally:
            for cap in caps:
                cap.give_back()

    def limits(self, client: ClientRecord, channel: ChannelRecord, scope_ids: ScopeIds) -> SessionLimits:
        """The limiters that a connection is held to under the records as they are now."""
        now_ns = time.monotonic_ns()
        keyed = keyed_zones(effective_policies(client, channel), scope_ids, FLOWING)
        found = [self.zones.zone(*zone, now_ns) for zone in keyed]

        def zones_of(direction: Direction, *counted: Counted) -> Limiter:
            return Limiter(z for z in found if z.policy.direction is direction and z.policy.counted in counted)

        def frame_limits(direction: Direction) -> FrameLimits:
            return FrameLimits(
                messages=zones_of(direction, Counted.MESSAGES, Counted.BYTES),
                fragments=zones_of(direction, Counted.BYTES),
                control_frames=zones_of(direction, Counted.CONTROL_FRAMES),
            )

        return SessionLimits(frame_limits(Direction.TO_PLATFORM), frame_limits(Direction.TO_CLIENT))

    def _scope_ids(self, client: ClientRecord, channel: ChannelRecord, address: str) -> ScopeIds:
        return {
            Scope.ADDRESS: address,
            Scope.CONNECTION: str(next(self._connection_numbers)),
            Scope.CLIENT: client.client_id,
            Scope.CHANNEL: channel.id,
            Scope.CREDENTIAL: channel.platform_connection.id,
            Scope.PLATFORM_CONNECTION: channel.platform_connection.id,
            Scope.TENANT: client.tenant_id,
        }

    def _charge_handshake(self, client: ClientRecord, channel: ChannelRecord, scope_ids: ScopeIds) -> int:
        now_ns = time.monotonic_ns()
        keyed = keyed_zones(effective_policies(client, channel), scope_ids, [Counted.HANDSHAKES])
        limiter = Limiter([self.zones.zone(*zone, now_ns) for zone in keyed])
        verdict = limiter.admit(now_ns)
        if verdict is PASS:
            return 0
        throttle = self._throttle(client, channel, limiter.decided_by.source)
        if verdict.action is Action.REJECT:
            throttle.refuse(now_ns)
            raise Denied(_too_many(limiter.decided_by.policy, verdict.wait_ns, self.spread_seconds()))
        throttle.hold(now_ns)
        throttle.let_go(now_ns, now_ns + verdict.wait_ns)  # it is charged already: it will wait for so long
        return verdict.wait_ns

    def _throttle(self, client: ClientRecord, channel: ChannelRecord, source: ZoneSource) -> ThrottleCounter:
        return self._counters.throttle(ThrottleKey(client.tenant_slug, client.client_id, channel.name, source))


def effective_policies(client: ClientRecord, channel: ChannelRecord) -> list[PolicySnapshot]:
    """All policies that hold a client on a channel: its own, its tenant's, the channel's, the platform connection's."""
    return [*client.policies, *channel.policies, *channel.platform_connection.policies]


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
        detail = (
            f'Client "{client.name}" may not use channel "{handshake.channel}". An owner can allow it on the client.'
        )
        raise Denied(forbidden("channel_forbidden", detail))
    if channel.scope and channel.scope not in identity.scopes:
        raise Denied(scope_missing(channel.scope, channel.name))
    return channel


def _too_many(policy: ZonePolicy, wait_ns: int, spread_seconds: int) -> Denial:
    seconds = -(-wait_ns // SECOND_NS)
    window = max(1, policy.period_ns // SECOND_NS)
    quota = f"q={policy.permits};w={window}"
    return too_many(policy.name, varied(seconds, spread_seconds), quota, f"r=0;t={max(1, seconds)}")


def _connection_limit(name: str, limit: int, spread_seconds: int) -> Denial:
    quota = f'q={limit};qu="concurrent-requests"'
    return too_many(name, varied(CAP_RETRY_SECONDS, spread_seconds), quota, "r=0")
