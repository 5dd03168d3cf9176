"""The side of a shared zone that lives in one worker: permits that were granted to it, and how many to ask for.

A permit is debited from the shared bucket before it is here, and is given up ``LEASE_SECONDS`` after it was asked for.
Knows no clock and no store: time is passed in, and who asks is relay/sharing/tenant_leases.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from relay.throttle.granting import Ask, Grant, Party, Terms
from relay.throttle.lots import FAR_NS, LEASE_NS, NEVER_NS, Lot, Lots
from relay.throttle.policy import LEASE_SECONDS, SECOND_NS, Counted, StoreAway, ZonePolicy, ZoneSource
from relay.throttle.zones import ZoneKey

US_NS = 1_000
LEAST_LEASED = 8  # permits in a lease; a zone that gives fewer is asked for each
RENEW_NS = 10_000_000  # before its end a lease is asked for anew, where answers come at once
TOGETHER_NS = 8_000_000  # what is due so soon is asked for along with the rest
LOW_NS = 6_000_000  # while somebody waits, more is asked for when permits last for no longer
AHEAD_SECONDS, AHEAD_CONTENDED_SECONDS = 3 * LEASE_SECONDS, 0.032  # demand that is asked for beforehand
RATE_SECONDS = 0.2  # over which demand is averaged


@dataclass(frozen=True, slots=True)
class Standing:
    """Who stands in line for a zone: permits that the first needs and all together, and since when the first waits."""

    first: int
    permits: int
    since_ns: int


NOBODY = Standing(0, 0, 0)


class LeasedZone(Lots):
    """One shared limit as one worker holds it: its lots, and when to ask for the next.

    Attributes:
        source: which version of which policy it follows; episodes of throttling name it.
        key: whose traffic it adds up.
        party: who shares the zone, or none where its client is alone.
        store_away: what becomes of it while Redis does not answer.
    """

    _LIMIT = "key", "party", "policy", "source", "store_away", "terms"
    _ASKED = "_is_contended", "_lack", "_lacking", "_last_granted", "_rate", "_refused", "_reserve", "_seen_spent"
    __slots__ = ("__weakref__", "_answer_ns", "_asked_ns", "_retry_at_ns", *_LIMIT, *_ASKED)

    def __init__(
        self, key: ZoneKey, policy: ZonePolicy, party: Party | None, lack: Callable[["LeasedZone"], None]
    ) -> None:
        """Begin without permits. ``lack`` is called with the zone whenever somebody needs what is not there."""
        super().__init__()
        self.key = key
        self.store_away = StoreAway.SHARE
        self.source = ZoneSource("", 0, policy.name)
        self.party = party
        self._lack = lack
        self._is_contended = self._refused = False
        self._seen_spent = self._lacking = 0
        self._asked_ns = self._retry_at_ns = NEVER_NS
        self._answer_ns = 0
        self._rate = 0.0
        self._last_granted = self._reserve = 0
        self._follow(policy)

    def permits_for(self, size_bytes: int) -> int:
        """What one message of ``size_bytes`` takes."""
        return size_bytes if self.policy.counted is Counted.BYTES else 1

    def cost_ns(self, permits: int) -> int:
        """How much later the permits behind so many may be spent."""
        if self.policy.counted is Counted.BYTES:
            return -(-permits * self.policy.period_ns // self.policy.permits)
        return permits * self.interval_ns

    def has_room(self, now_ns: int, size_bytes: int) -> bool:
        """Tell whether a message that is first in line may go on."""
        wanted = self.permits_for(size_bytes)
        self.settle(now_ns)
        if self.opens_ns > now_ns or self._expires_ns <= now_ns:
            return not wanted
        return wanted <= self._left() or wanted <= self._open_permits(now_ns)

    def has_plenty(self, now_ns: int, _waiting: int) -> bool:
        """Tell whether nobody need be held to one message at a time: they wait for an answer, not for the rate."""
        self.settle(now_ns)
        return bool(self._left()) and self.opens_ns <= now_ns and not self._is_contended

    def admits(self, now_ns: int, size_bytes: int) -> bool:
        """The same of a message that has just arrived: while others stand in line, it stands behind them."""
        return not self._gate_is_closed and self.has_room(now_ns, size_bytes)

    def lack(self, size_bytes: int) -> None:
        """Have permits asked for a message that can't go on."""
        self._lacking += self.permits_for(size_bytes)
        self._lack(self)

    def holds_back(self, now_ns: int) -> bool:
        """Tell whether a message waits for the rate, and not only for an answer that may let it go on at once."""
        return self.opens_at_ns() != FAR_NS or self._retry_at_ns > now_ns or self._refused

    def wait_ns(self, now_ns: int) -> int:
        """How long the first in line waits, as far as one can tell; at least a moment."""
        opens_ns = self.opens_at_ns()
        return max(1, (self._retry_at_ns if opens_ns == FAR_NS else opens_ns) - now_ns)

    def spend(self, now_ns: int, wanted: int) -> None:
        """Take permits that there is room for."""
        while wanted > self._left() and self._later:
            wanted -= self._left()
            self._begin(self._later.popleft(), now_ns)
        if self.ready:
            self.ready -= wanted
        else:
            self.permits -= wanted
        self.opens_ns += self.cost_ns(wanted)

    def adopt(self, policy: ZonePolicy) -> None:
        """Go on under another version of the policy. Permits of the former one are given up: they had its rate."""
        self._follow(policy)
        self.drop_all()
        self._retry_at_ns = NEVER_NS
        if self._lacking or self._gate_is_closed:
            self._lack(self)

    def ask_anew(self) -> None:
        """Forget when to ask again: somebody else said so."""
        self._retry_at_ns = NEVER_NS

    def due_ns(self, now_ns: int, standing: Standing) -> int:
        """When to ask again; ``FAR_NS`` where nothing is wanted."""
        self.settle(now_ns)
        last = self._last_lot()
        if self._needed(standing) > self._available():
            low_ns = last.opens_ns + self.cost_ns(last.permits) - LOW_NS
            return max(self._retry_at_ns, min(low_ns, last.expires_ns) if last.permits else NEVER_NS)
        self._lacking = 0  # it is on its way
        if standing.permits:
            return last.expires_ns
        if last.permits and self.is_leased and self._rate * LEASE_SECONDS >= 1:
            return last.expires_ns - self._renew_ns
        return FAR_NS

    def comes_along(self, now_ns: int, due_ns: int) -> bool:
        """Tell whether to ask along with another zone that is due now: one round trip serves both."""
        is_renewal = due_ns == self._last_lot().expires_ns - self._renew_ns
        return due_ns <= now_ns + (LEASE_NS if is_renewal else TOGETHER_NS)

    def ask(self, now_ns: int, standing: Standing) -> Ask:
        """What to ask for now; nothing where ``wanted`` is 0. Whatever was lacking counts as asked for."""
        self.settle(now_ns)
        self._measure(now_ns)
        available, needed = self._available(), self._needed(standing)
        missing, self._lacking = max(0, needed - available), 0
        self._asked_ns, self._retry_at_ns = now_ns, now_ns
        first = min(missing, standing.first or (needed if self.policy.counted is Counted.BYTES else 1))
        waited_us = (now_ns - standing.since_ns) // US_NS if standing.permits else 0
        self._reserve = 0
        if not self.is_leased:
            return Ask(first, first, waited_us, self.party)
        ahead_seconds = AHEAD_CONTENDED_SECONDS if self._is_contended else AHEAD_SECONDS
        lasting = self._lasting_permits(now_ns + RENEW_NS + self._renew_ns)
        ahead = int(self._rate * ahead_seconds) - max(0, lasting - needed)
        if missing and not (available or self._is_contended):
            ahead = max(ahead, 2 * self._last_granted - missing)  # they did not last: demand is only beginning
        if not self._is_contended:
            self._reserve = max(0, ahead // 2)
        return Ask(first, missing + max(0, ahead), waited_us, self.party)

    def take(self, grant: Grant, asked_ns: int, now_ns: int) -> None:
        """Hold what was granted: where there is plenty a part of it as a reserve for when the rest has ended.

        Args:
            grant: the answer.
            asked_ns: when it was asked for, before anything was sent.
            now_ns: when the answer came.
        """
        self._is_contended, self._refused = grant.is_contended, not grant.permits
        self._last_granted = grant.permits
        self._answer_ns = max(now_ns - asked_ns, self._answer_ns * 3 // 4)
        if not grant.permits:
            self._retry_at_ns = now_ns + grant.retry_in_us * US_NS
            return
        self._granted += grant.permits
        opens_ns = now_ns + grant.opens_in_us * US_NS
        is_plenty = not grant.is_contended and opens_ns + self.cost_ns(grant.permits) <= now_ns
        reserve = min(self._reserve, grant.permits // 2) if is_plenty else 0
        self._later.append(Lot(grant.permits - reserve, opens_ns, asked_ns + LEASE_NS))
        if reserve:
            opens_ns += self.cost_ns(grant.permits - reserve)
            self._later.append(Lot(reserve, opens_ns, asked_ns + 2 * LEASE_NS, is_reserve=True))
        if not self._left():
            self._begin(self._later.popleft(), now_ns)

    @property
    def _renew_ns(self) -> int:
        """How long before its end a lease is asked for anew: in a busy process answers lie until it comes to them."""
        return RENEW_NS + min(2 * self._answer_ns, LEASE_NS)

    @property
    def is_leased(self) -> bool:
        """Tell whether permits are taken in advance: not from a zone that gives few."""
        return self.policy.permits * LEASE_NS >= LEAST_LEASED * self.policy.period_ns

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is here and nothing is wanted."""
        return not (self._available() or self._lacking)

    def _follow(self, policy: ZonePolicy) -> None:
        self.policy = policy
        self.terms = Terms.of(policy)
        self.interval_ns = -(-policy.period_ns // policy.permits)

    def _needed(self, standing: Standing) -> int:
        return max(standing.permits, self._lacking)

    def _measure(self, now_ns: int) -> None:
        spent = self.spent
        elapsed_seconds = (now_ns - self._asked_ns) / SECOND_NS if self._asked_ns != NEVER_NS else RATE_SECONDS
        used = self._rate * RATE_SECONDS + spent - self._seen_spent
        self._rate = used / (RATE_SECONDS + elapsed_seconds)
        self._seen_spent = spent
