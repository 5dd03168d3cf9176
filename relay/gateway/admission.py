"""May it come in, and under which limits? A credential, then the handshake zones, then the connection caps."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from relay.platforms.credentials import CredentialsInUse
from relay.protocol.denials import (
    LARGEST_SPREAD_SECONDS,
    Denial,
    Denied,
    credential_needed,
    too_many,
    unavailable,
    varied,
)
from relay.protocol.forwarded import subscriber
from relay.sharing.entering import NotLetIn
from relay.sharing.place import Place, ScopeIds
from relay.sharing.sharing import Sharing
from relay.store.client_records import ChannelRecord, ClientRecord
from relay.telemetry.counters import Counters, ThrottleCounter, ThrottleKey
from relay.throttle.granting import Party
from relay.throttle.limiter import FLOWING, AnyZone, Limiter, SessionLimits
from relay.throttle.policy import SECOND_NS, Beyond, Counted, PolicySnapshot, Scope, ZonePolicy, ZoneSource
from relay.throttle.verdict import Action
from relay.throttle.zones import KeyedZone, ZoneKey, Zones, keyed_zones

CAP_RETRY_SECONDS = 5
ADDRESS_POLICY = "address"
NOBODY = ("", "", "")  # tenant, client and channel, before a token was read


class Admission:
    """The zones and caps of one process, and who may pass them."""

    def __init__(
        self,
        address_permits: int,
        address_burst: int,
        counters: Counters,
        sharing: Sharing,
        isolated: Callable[[], Collection[str]],
    ) -> None:
        """Count in ``counters`` what is refused or must wait; ``sharing`` has what all processes limit together.

        ``isolated`` tells which credentials platforms refused lately.

        The two figures limit handshakes a second from one address, before any token is looked at.
        """
        self.zones = Zones()
        self._counters = counters
        self._sharing = sharing
        self._isolated = isolated
        self._credentials = CredentialsInUse()
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
        now_ns = time.monotonic_ns()
        self.zones.forget_those_at_rest(now_ns)
        self._sharing.forget_those_at_rest(now_ns)

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
    async def admitted(self, client: ClientRecord, channel: ChannelRecord, address: str) -> AsyncIterator[Place]:
        """Charge a handshake to its client's zones and count the connection as open until the end.

        It goes to the credential that is used least.

        Raises:
            Denied: a zone or cap is used up; nothing was charged or counted.
        """
        ids = [credential.id for credential in channel.platform_connection.credentials]
        refusal = None
        for credential_id in self._credentials.least_used(ids, self._isolated()):
            place = Place(self._scope_ids(client, channel, credential_id, address))
            entering, zones = self._entering(client, channel, place)
            self._credentials.take(credential_id)
            try:
                async with entering as wait_ns:
                    if wait_ns:
                        await self._wait(client, channel, zones, wait_ns)
                    yield place
                    return
            except NotLetIn as not_let_in:
                refusal = not_let_in
                if refusal.by is None or refusal.by.key.scope is not Scope.CREDENTIAL:
                    break  # another credential would be refused, too
            finally:
                self._credentials.give_back(credential_id)
        raise Denied(self._denial(client, channel, refusal) if refusal else credential_needed())

    def _entering(
        self, client: ClientRecord, channel: ChannelRecord, place: Place
    ) -> tuple[AbstractAsyncContextManager[int], list[KeyedZone]]:
        """What lets a connection in, and the zones that it charges."""
        policies = effective_policies(client, channel, place.scope_ids)
        zones = keyed_zones(policies, place.scope_ids, [Counted.HANDSHAKES])
        caps = keyed_zones(policies, place.scope_ids, [Counted.OPEN_CONNECTIONS])
        return self._sharing.entering.entered(client.tenant_id, zones, caps, place.give_up), zones

    def limits(self, client: ClientRecord, channel: ChannelRecord, scope_ids: ScopeIds) -> SessionLimits:
        """The limiters that a connection is held to under the records as they are now."""
        now_ns = time.monotonic_ns()
        keyed = keyed_zones(effective_policies(client, channel, scope_ids), scope_ids, FLOWING)
        return SessionLimits.of(self._zone(client, channel, zone, now_ns) for zone in keyed)

    def _scope_ids(self, client: ClientRecord, channel: ChannelRecord, credential_id: str, address: str) -> ScopeIds:
        return {
            Scope.ADDRESS: subscriber(address),
            Scope.CONNECTION: str(next(self._connection_numbers)),
            Scope.CLIENT: client.client_id,
            Scope.CHANNEL: channel.id,
            Scope.CREDENTIAL: credential_id,
            Scope.PLATFORM_CONNECTION: channel.platform_connection.id,
            Scope.TENANT: client.tenant_id,
        }

    def _zone(self, client: ClientRecord, channel: ChannelRecord, keyed: KeyedZone, now_ns: int) -> AnyZone:
        """A connection's own zone lives here; the others are shared with all processes, and among clients fairly."""
        scope = keyed.key.scope
        if scope is Scope.CONNECTION:
            return self.zones.zone(keyed.key, keyed.policy, keyed.version, now_ns)
        party = None if scope is Scope.CLIENT else Party(client.client_id, channel.priority, client.weight)
        return self._sharing.leasing.zone(client.tenant_id, keyed, party)

    async def _wait(self, client: ClientRecord, channel: ChannelRecord, zones: list[KeyedZone], wait_ns: int) -> None:
        """Wait for the turn of a handshake that is charged already."""
        now_ns = time.monotonic_ns()
        throttle = self._throttle(client, channel, _source(zones[0]))
        throttle.hold(now_ns)
        throttle.let_go(now_ns, now_ns + wait_ns)
        await asyncio.sleep(wait_ns / SECOND_NS)

    def _denial(self, client: ClientRecord, channel: ChannelRecord, refusal: NotLetIn) -> Denial:
        by, spread_seconds = refusal.by, self.spread_seconds()
        if by is None:
            detail = "Limits that relay processes share can't be asked for at the moment."
            return unavailable("store_unavailable", detail, varied(_seconds(refusal.wait_ns), spread_seconds))
        self._throttle(client, channel, _source(by)).refuse(time.monotonic_ns())
        if by.policy.counted is Counted.OPEN_CONNECTIONS:
            return _connection_limit(by.policy.name, by.policy.permits, spread_seconds)
        return _too_many(by.policy, refusal.wait_ns, spread_seconds)

    def _throttle(self, client: ClientRecord, channel: ChannelRecord, source: ZoneSource) -> ThrottleCounter:
        return self._counters.throttle(ThrottleKey(client.tenant_id, client.client_id, channel.id, source))


def effective_policies(client: ClientRecord, channel: ChannelRecord, scope_ids: ScopeIds) -> list[PolicySnapshot]:
    """All policies that hold a connection: of its client, tenant, channel, platform connection and credential."""
    credential = channel.platform_connection.credential(scope_ids[Scope.CREDENTIAL])
    of_credential = credential.policies if credential else ()
    return [*client.policies, *channel.policies, *channel.platform_connection.policies, *of_credential]


def _too_many(policy: ZonePolicy, wait_ns: int, spread_seconds: int) -> Denial:
    seconds = _seconds(wait_ns)
    window = max(1, policy.period_ns // SECOND_NS)
    quota = f"q={policy.permits};w={window}"
    return too_many(policy.name, varied(seconds, spread_seconds), quota, f"r=0;t={max(1, seconds)}")


def _connection_limit(name: str, limit: int, spread_seconds: int) -> Denial:
    quota = f'q={limit};qu="concurrent-requests"'
    return too_many(name, varied(CAP_RETRY_SECONDS, spread_seconds), quota, "r=0")


def _seconds(wait_ns: int) -> int:
    return -(-wait_ns // SECOND_NS)


def _source(keyed: KeyedZone) -> ZoneSource:
    return ZoneSource(keyed.key.policy_id, keyed.version, keyed.key.name)
