"""A shared zone while its store is away: one worker goes on alone, as its policy says, and settles up afterwards."""

from relay.throttle.granting import Ask, Debit, Grant, SharedBucket, Terms
from relay.throttle.policy import StoreAway

RETRY_US = 50_000
KEPT_FOR_ALL = 0.25  # of the rate: what workers go on with whom the store has told no share lately
LEAST_SHARE = 1e-6


class Fallback:
    """Grants in the store's place, until the store has heard of it.

    With ``StoreAway.SHARE`` at the worker's part of the rate, and without any burst: the store may have granted that
    just before. Where it is away for all workers, they stay within the rate together, but for the one permit that each
    begins with. Where it is away for one alone, that one's part comes on top until it is back, and is then taken off.
    """

    __slots__ = ("_bucket", "_terms", "_way", "granted", "since_us", "terms")

    def __init__(self, way: StoreAway, terms: Terms, share: float, now_us: int) -> None:
        """Begin at ``now_us`` with ``share`` of the rate of ``terms``, between 0 and 1."""
        self._way, self.terms = way, terms
        self._terms = Terms(terms.permits, int(terms.period_us / max(share, LEAST_SHARE)), 0, 0)
        self._bucket = SharedBucket()
        self.since_us = now_us
        self.granted = 0

    def grant(self, now_us: int, ask: Ask) -> Grant:
        """Answer as the store would."""
        if self._way is StoreAway.REFUSE:
            return Grant(0, 0, RETRY_US, is_contended=True)
        if self._way is StoreAway.LET_PASS:
            return Grant(ask.wanted, -self._terms.cost_us(ask.wanted), 0, is_contended=False)  # all at once
        grant = self._bucket.grant(now_us, self._terms, ask)
        self.granted += grant.permits
        return grant

    def go_on_from(self, former: "Fallback") -> None:
        """Owe what was granted under the former version of the policy too."""
        self.since_us, self.granted = former.since_us, former.granted

    def owed(self, now_us: int) -> Debit:
        """What the store must count as granted since this began: it does not owe what was let pass on purpose."""
        return Debit(self.granted, now_us - self.since_us, self.since_us)

    def is_made_up_for(self, now_us: int) -> bool:
        """Tell whether the store would grant the same whether it heard of this or not: the rate has brought it back."""
        terms = self.terms
        return self.since_us + terms.cost_us(self.granted + 1) + terms.delay_us + terms.lag_us <= now_us


def share_alone(told: float, workers: int) -> float:
    """The part of a rate that a worker goes on with alone.

    Args:
        told: the part that the store told it lately, 0 where it told none. All that were told add up to 1 at the most.
        workers: how many there are, as far as is known; 1 at least.
    """
    return told * (1 - KEPT_FOR_ALL) + KEPT_FOR_ALL / workers
