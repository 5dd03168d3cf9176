"""The side of a shared zone that all workers have in common: it grants permits before they are spent.

``relay/store/lua/take_leases.lua`` is the same in Redis, step by step. This one is what a worker goes on with while
Redis is away, what simulations run on, and what tests compare the script with. docs/explanation/shared-limits.md
derives the bounds.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from relay.throttle.fairness import UNLIMITED, Demand, Priority, share_levels
from relay.throttle.policy import ZonePolicy, leased_permits

SECOND_US = 1_000_000
AT_REST_US = -(1 << 62)  # before any time that is passed in
HORIZON_US = 16_000  # how far ahead of their time permits are granted, so that nobody asks for each
BEYOND_HORIZON_US = 6_000  # the same for what exceeds a client's share: those within theirs come first
WINDOW_US = 250_000  # shares are worked out anew once in a window
NEWCOMER_US, NEWCOMER_US_EACH = 10_000, 20  # or when somebody new comes, but the less often the more there are
SPARE_US, SPARE_US_EACH = 5_000, 200  # before one asks again for what exceeds one's share
MOST_AHEAD = 5  # permits by which a client counts as ahead of its share; what it took beyond is forgiven
FORGOTTEN_WINDOWS = 8  # after which a client that asked for nothing has no share any more
MOST_CORRECTION, CORRECTION_WINDOWS = 0.1, 8
SILENCE_US, SILENCE_PERMITS = 400_000, 4  # who asks for nothing for so long, or such many permits, takes nothing
LAGGING_US = 2_000_000  # for so long after a new version came some workers may still ask under the former one


class Party(NamedTuple):
    """Who shares a zone with others: one client's traffic of one class."""

    client_id: str
    priority: Priority
    weight: int


class Terms(NamedTuple):
    """A limit as the granting side counts it.

    ``delay_us`` is how far grants may be ahead of the rate at once, ``lag_us`` how much of what nobody took in time
    may be made up for while somebody waits. Both together are the burst.
    """

    permits: int
    period_us: int
    delay_us: int
    lag_us: int

    @classmethod
    def of(cls, policy: ZonePolicy) -> "Terms":
        """The limit of a zone. A strict one takes what leases add off its burst."""
        period_us = max(1, policy.period_ns // 1000)
        burst = policy.burst - leased_permits(policy) if policy.strict else policy.burst
        delay_us = min(policy.delay, burst) * period_us // policy.permits
        return cls(policy.permits, period_us, delay_us, burst * period_us // policy.permits - delay_us)

    def cost_us(self, permits: int) -> int:
        """The time that permits take from the bucket, rounded up once."""
        return math.ceil(float(permits) * float(self.period_us) / float(self.permits))

    def fits(self, room_us: int) -> int:
        """How many permits cost no more than ``room_us`` beyond the first, which needs none."""
        return math.floor(float(room_us) * float(self.permits) / float(self.period_us)) + 1 if room_us >= 0 else 0


class Debit(NamedTuple):
    """Permits that a worker granted itself while it could not ask, and how long ago it began to.

    ``debt`` names it: what was said again, because no answer came, is taken off once.
    """

    permits: int = 0
    began_us_ago: int = 0
    debt: int = 0


class Ask(NamedTuple):
    """What a worker asks of one zone.

    Attributes:
        first: permits that the first in line needs; 0 where nobody waits.
        wanted: permits altogether, ``first`` at least.
        waited_us: for how long the first in line has waited.
        party: who asks, or none where the zone has one client alone.
    """

    first: int
    wanted: int
    waited_us: int = 0
    party: Party | None = None


class Grant(NamedTuple):
    """What a zone answers.

    Attributes:
        permits: how many were debited.
        opens_in_us: when the first of them may be spent, the others following at the rate; negative: it is past.
        retry_in_us: where nothing was granted, when to ask again.
        is_contended: whether more was wanted lately than there was.
    """

    permits: int
    opens_in_us: int
    retry_in_us: int
    is_contended: bool


@dataclass(slots=True)
class Share:
    """What one party took lately. ``theoretical_arrival_us`` is that of a bucket that is filled at its share."""

    theoretical_arrival_us: float
    window: int
    used: int = 0
    rate: float = 0.0  # permits a second, an average over the last windows
    wanted_more_in: int = -2  # the window in which it last had to wait for more than its share

    def close_window(self, window: int) -> None:
        """Begin another window: what was used in the former ones goes into the average."""
        self.rate = self.rate_at(window)
        self.used, self.window = 0, window

    def rate_at(self, window: int) -> float:
        """Permits a second, an average over the windows before ``window`` in which the last counts half."""
        if window <= self.window:
            return self.rate
        halved = (self.rate + self.used * SECOND_US / WINDOW_US) / 2
        return float(halved / 2 ** (window - self.window - 1))


class SharedBucket:
    """One zone's bucket, and the shares of those who take from it."""

    __slots__ = (
        "_alone_from_us",
        "_alone_until_us",
        "_arrival_then_us",
        "_asked_us",
        "_contended_in",
        "_former",
        "_has_newcomer",
        "_levels",
        "_paid",
        "_promised_us",
        "_shared_out_us",
        "_shares",
        "_terms",
        "_turned_us",
        "_window",
        "theoretical_arrival_us",
    )

    def __init__(self) -> None:
        """Begin at rest, shared by nobody."""
        self.theoretical_arrival_us = AT_REST_US
        self._window, self._shared_out_us, self._has_newcomer = -1, 0, False
        self._contended_in = -2
        self._levels = dict.fromkeys(Priority, 0.0)
        self._shares: dict[Party, Share] = {}
        self._terms: Terms | None = None
        self._former: Terms | None = None
        self._turned_us = 0
        self._promised_us = 0
        self._asked_us = self._alone_from_us = self._alone_until_us = AT_REST_US
        self._arrival_then_us: int | None = None  # before that silence, until it is taken off
        self._paid: dict[str, tuple[int, int]] = {}  # by worker: its last debt, and what was taken off for it

    def grant(self, now_us: int, terms: Terms, ask: Ask) -> Grant:
        """Debit what may be spent, up to ``ask.wanted``.

        Args:
            now_us: never runs backwards.
            terms: the limit as it is now.
            ask: what is asked for.

        Returns:
            All that is wanted, as far as it lies within the party's share and the bucket has it by the horizon;
            beyond the share only what the bucket can well spare.
        """
        if terms != self._terms:
            self._turn_to(now_us, terms)
        self._asked_us = now_us
        arrival_us = max(self.theoretical_arrival_us, now_us - min(ask.waited_us, terms.lag_us))
        gate_us, within = now_us + terms.delay_us + HORIZON_US, ask.wanted
        spare_gate_us, share = gate_us, None
        if ask.party is not None:
            share = self._share(ask.party, now_us, terms)
            if len(self._shares) > 1:  # whoever is alone may have it all
                within = min(ask.wanted, self._within(share, ask.party, now_us))
                ahead = max(0.0, (share.theoretical_arrival_us - now_us) / self._most_ahead_us(ask.party))
                spare_gate_us = now_us + math.floor((terms.delay_us // 2 + BEYOND_HORIZON_US) * (1 - ahead))
        permits = max(min(within, terms.fits(gate_us - arrival_us)), terms.fits(spare_gate_us - arrival_us))
        permits = min(permits, ask.wanted)
        if 0 < permits < ask.first:
            permits = ask.first  # what is larger than the burst passes when there is room for one
        if permits:
            self.theoretical_arrival_us = arrival_us + terms.cost_us(permits)
        window = now_us // WINDOW_US
        if permits < ask.wanted:
            self._contended_in = window
        if share is not None and ask.party is not None:
            self._charge(share, ask.party, permits, now_us)
            if permits < ask.wanted:
                share.wanted_more_in = window
        opens_us = arrival_us - terms.delay_us
        retry_us = 0
        if not permits:
            retry_us = max(1, self._retry_us(now_us, terms, arrival_us - gate_us, arrival_us - spare_gate_us, share))
        return Grant(permits, opens_us - now_us, retry_us, self._contended_in >= window - 1)

    def _retry_us(self, now_us: int, terms: Terms, wait_us: int, spare_wait_us: int, share: Share | None) -> int:
        """When to ask again: for something of one's share at its time, for what the bucket can spare now and then.

        Those within their share for whom the bucket has nothing yet are told to come one after the other: all at
        once, a thousand clients would ask ten times for each permit.
        """
        if share is None or len(self._shares) == 1:
            return wait_us
        if share.theoretical_arrival_us <= now_us + HORIZON_US:
            turn_us = max(self._promised_us, now_us + wait_us)
            self._promised_us = turn_us + terms.cost_us(1)
            return min(turn_us - now_us, max(wait_us, WINDOW_US))
        own_us = math.ceil(share.theoretical_arrival_us - now_us - HORIZON_US)
        return min(max(own_us, wait_us), max(spare_wait_us, SPARE_US, SPARE_US_EACH * len(self._shares)))

    def _turn_to(self, now_us: int, terms: Terms) -> None:
        """Follow another version: what was spent stays spent, up to its burst.

        Not for whoever lags behind: in turns with the others they would be forgiven a burst each time.
        """
        if terms == self._former and now_us < self._turned_us + LAGGING_US:
            return
        self._former, self._terms, self._turned_us = self._terms, terms, now_us
        most_us = now_us + terms.delay_us + terms.lag_us + terms.cost_us(1)
        self.theoretical_arrival_us = min(self.theoretical_arrival_us, most_us)

    def take_off(self, now_us: int, terms: Terms, debit: Debit, worker: str = "") -> None:
        """Count what ``worker`` granted itself: as if it had been asked for since then.

        Not for the time in which nobody asked here, since then all went on alone and stayed within the rate together:
        that time is taken off as a whole, once, when the first comes back who was alone in it.
        """
        silence_us = max(SILENCE_US, SILENCE_PERMITS * terms.cost_us(1))
        if now_us - self._asked_us > silence_us:
            # An ask that owes nothing may only have lain in a store that hung: it tells of the silence all the same,
            # which goes on where the store hangs again before anybody could say what is owed for it.
            if self._arrival_then_us is None or self._asked_us - self._alone_until_us > silence_us:
                self._alone_from_us = self._asked_us
                self._arrival_then_us = None if self._asked_us == AT_REST_US else self.theoretical_arrival_us
            self._alone_until_us = now_us
        self._asked_us = now_us
        if not debit.permits:
            return
        began_us = now_us - debit.began_us_ago
        self._take_off_silence(began_us, terms)
        all_alone_us = max(0, self._alone_until_us - max(began_us, self._alone_from_us))
        permits = math.ceil(debit.permits * (1 - all_alone_us / max(1, debit.began_us_ago)))
        debt, paid = self._paid.get(worker, (debit.debt, 0))
        if debt != debit.debt:
            paid = 0
        self._paid[worker] = debit.debt, max(paid, permits)
        if permits > paid:
            arrival_us = max(self.theoretical_arrival_us, began_us)
            self.theoretical_arrival_us = arrival_us + terms.cost_us(permits - paid)

    def _take_off_silence(self, began_us: int, terms: Terms) -> None:
        """Have the silence count as used up from when one began to be alone in it, if it does not yet.

        Meanwhile others may have been granted something as if nobody had taken anything in that time. So what is
        taken off is the difference between where the bucket would have been at the end of it and where it was.
        """
        if self._arrival_then_us is None or began_us >= self._alone_until_us:
            return
        self._alone_from_us = max(self._alone_from_us, began_us)
        rest_us = self._alone_until_us - terms.lag_us
        used_up_us = max(self._arrival_then_us, self._alone_from_us) + self._alone_until_us - self._alone_from_us
        taken_for_us = max(self._arrival_then_us, rest_us)
        self.theoretical_arrival_us = max(self.theoretical_arrival_us, rest_us) + used_up_us - taken_for_us
        self._arrival_then_us = None

    def _share(self, party: Party, now_us: int, terms: Terms) -> Share:
        window, share = now_us // WINDOW_US, self._shares.get(party)
        if share is None or share.window < window - FORGOTTEN_WINDOWS:
            # Until one knows better it wants all it can have.
            share = self._shares[party] = Share(now_us - WINDOW_US, window, wanted_more_in=window)
            self._has_newcomer = True
        soon_us = self._shared_out_us + max(NEWCOMER_US, NEWCOMER_US_EACH * len(self._shares))
        if window > self._window or (self._has_newcomer and now_us >= soon_us):
            self._turn_window(now_us, terms, window)
        if share.window < window:
            share.close_window(window)
        return share

    def _turn_window(self, now_us: int, terms: Terms, window: int) -> None:
        """Work out the shares anew from what each wanted lately."""
        demands = []
        for party, share in list(self._shares.items()):
            if share.window < window - FORGOTTEN_WINDOWS:
                del self._shares[party]
                continue
            wants_more = share.wanted_more_in >= window - 2
            demands.append(Demand(party.priority, party.weight, UNLIMITED if wants_more else share.rate_at(window)))
        self._window, self._shared_out_us, self._has_newcomer = window, now_us, False
        ahead_us = self.theoretical_arrival_us - now_us - terms.delay_us // 2 - BEYOND_HORIZON_US
        correction = max(-MOST_CORRECTION, min(MOST_CORRECTION, ahead_us / (CORRECTION_WINDOWS * WINDOW_US)))
        capacity = float(terms.permits) * SECOND_US / terms.period_us * (1 - correction)
        self._levels = share_levels(capacity, demands)

    def _within(self, share: Share, party: Party, now_us: int) -> int:
        """How many permits the party may have within its share, what it saved up in a window included."""
        level = self._levels[party.priority]
        room_us = now_us + HORIZON_US - max(share.theoretical_arrival_us, now_us - WINDOW_US)
        return math.floor(room_us * level * party.weight / SECOND_US) + 1 if room_us >= 0 else 0

    def _charge(self, share: Share, party: Party, permits: int, now_us: int) -> None:
        share.used += permits
        arrival_us = max(share.theoretical_arrival_us, now_us - WINDOW_US)
        arrival_us += permits * SECOND_US / (self._levels[party.priority] * party.weight)
        share.theoretical_arrival_us = min(arrival_us, now_us + self._most_ahead_us(party))

    def _most_ahead_us(self, party: Party) -> float:
        """By how much a party may be ahead of its share. The further it is, the less the bucket can spare for it."""
        return max(WINDOW_US, MOST_AHEAD * SECOND_US / (self._levels[party.priority] * party.weight))
