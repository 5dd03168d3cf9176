"""The decision alone: what a message costs that five zones admit."""

from timeit import repeat

from relay.throttle.limiter import Limiter
from relay.throttle.policy import Scope, ZonePolicy
from relay.throttle.zone import Zone

SCOPES = (Scope.CONNECTION, Scope.CLIENT, Scope.CHANNEL, Scope.PLATFORM_CONNECTION, Scope.TENANT)
WIDE = 1_000_000_000  # permits a second, and burst: a nanosecond each, so that no zone ever holds
_DECISIONS = 100_000
_TRIES = 5


def five_zones() -> list[ZonePolicy]:
    """Five limits on messages, each adding up another's traffic, wide enough to be judged and never reached."""
    return [ZonePolicy(name=scope, scope=scope, permits=WIDE, burst=WIDE, delay=WIDE) for scope in SCOPES]


def decision() -> dict[str, float]:
    """Decide many messages in a row: microseconds for each, of the least disturbed try."""
    limiter = Limiter(Zone(policy) for policy in five_zones())
    tries = repeat("admit(0, 512)", globals={"admit": limiter.admit}, number=_DECISIONS, repeat=_TRIES)
    return {"decision_us": min(tries) / _DECISIONS * 1e6}
