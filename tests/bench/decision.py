"""The decision alone: what a message costs that five zones admit, of which four are shared with other processes."""

from timeit import repeat

from relay.throttle.granting import Grant
from relay.throttle.leases import LeasedZone
from relay.throttle.limiter import Limiter
from relay.throttle.policy import Scope, ZonePolicy
from relay.throttle.zone import Zone
from relay.throttle.zones import ZoneKey

SCOPES = (Scope.CONNECTION, Scope.CLIENT, Scope.CHANNEL, Scope.PLATFORM_CONNECTION, Scope.TENANT)
WIDE = 1_000_000_000  # permits a second, and burst: a nanosecond each, so that no zone ever holds
_DECISIONS = 100_000
_TRIES = 5


def five_zones() -> list[ZonePolicy]:
    """Five limits on messages, each adding up another's traffic, wide enough to be judged and never reached."""
    return [ZonePolicy(name=scope, scope=scope, permits=WIDE, burst=WIDE, delay=WIDE) for scope in SCOPES]


def decision() -> dict[str, float]:
    """Decide many messages in a row: microseconds for each, of the least disturbed try."""
    limiter = Limiter(_zone(policy) for policy in five_zones())
    tries = repeat("admit(0, 512)", globals={"admit": limiter.admit}, number=_DECISIONS, repeat=_TRIES)
    return {"decision_us": min(tries) / _DECISIONS * 1e6}


def _zone(policy: ZonePolicy) -> Zone | LeasedZone:
    """A zone that never runs out of permits while it is measured."""
    if policy.scope is Scope.CONNECTION:
        return Zone(policy)
    zone = LeasedZone(ZoneKey(policy.scope, "", "", policy.name), policy, None, lambda _: None)
    zone.take(Grant(WIDE, -WIDE, 0, is_contended=False), asked_ns=0, now_ns=0)
    return zone
