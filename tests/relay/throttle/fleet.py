"""Many workers and one store in virtual time: one seed is one history of messages and of all that goes wrong.

Workers stall and die, their clocks differ by seconds, answers are lost or come late, the store restarts empty.
"""

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from relay.throttle.fairness import Priority
from relay.throttle.fallback import Fallback, share_alone
from relay.throttle.granting import Ask, Debit, Grant, Party, SharedBucket
from relay.throttle.leases import NOBODY, US_NS, LeasedZone, Standing
from relay.throttle.lots import FAR_NS, LEASE_NS
from relay.throttle.policy import SECOND_NS, Scope, StoreAway, ZonePolicy
from relay.throttle.zones import ZoneKey

MS = 1_000_000
KEY = ZoneKey(Scope.TENANT, "tenant", "policy", "zone")
MOST_QUEUED = 64  # a client that floods waits in its own kernel
MOST_SKEW_NS = 5 * SECOND_NS
DECISION_NS = 50 * MS
SPACING_NS = 2 * MS
TRAVELS_NS, TRAVELS_LATE_NS = (100_000, 600_000), (30 * MS, 300 * MS)


@dataclass(frozen=True, slots=True)
class Sender:
    """A client on one worker: ``rate`` messages a second, 0 is a flood that always has one more."""

    party: Party
    rate: float
    connections: int = 1


@dataclass(slots=True)
class Place:
    """A sender's zone on its worker, and when each message that waits had come."""

    sender: Sender
    zone: LeasedZone
    line: deque[int] = field(default_factory=deque)
    sent: int = 0
    waits_ns: list[int] = field(default_factory=list)


class FleetWorker:
    """One worker. ``stalled_until_ns`` is when it runs again."""

    def __init__(self, fleet: "Fleet", number: int) -> None:
        self.fleet = fleet
        self.number = number
        self.places: list[Place] = []
        self.stalled_until_ns = 0
        self.is_asking = self.is_dead = False
        self.next_look_ns = FAR_NS
        self.skew_ns = fleet.random.randrange(-MOST_SKEW_NS, MOST_SKEW_NS)
        self.alone: Fallback | None = None
        self.probes_at_ns = 0

    @property
    def now_ns(self) -> int:
        """The time by its own clock."""
        return self.fleet.now_ns + self.skew_ns

    def add(self, sender: Sender) -> Place:
        """Have a sender connect."""
        zone = LeasedZone(KEY, self.fleet.policy, sender.party, lambda _: self.fleet.look(self, self.fleet.now_ns))
        place = Place(sender, zone)
        self.places.append(place)
        return place


class Fleet:
    """The whole of it.

    ``passed`` has the time and client of each message that went on, ``granted_alone`` when workers that did not reach
    the store granted themselves how many permits. Of ``lost`` and ``late`` parts of all ways to the store and back
    nothing comes of it, or it takes long.
    """

    def __init__(self, seed: int, policy: ZonePolicy, workers: int, *, lost: float = 0.0, late: float = 0.0) -> None:
        self.random = random.Random(seed)
        self.policy = policy
        self.bucket = SharedBucket()
        self.burst_us = policy.burst * policy.period_ns // policy.permits // US_NS
        self.now_ns = 10 * SECOND_NS
        self.passed: list[tuple[int, str]] = []
        self.granted_alone: list[tuple[int, int]] = []
        self.round_trips = 0
        self.store_is_away_until_ns = self.store_hangs_until_ns = 0
        self._lost, self._late = lost, late
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.workers = [FleetWorker(self, number) for number in range(workers)]

    def at(self, time_ns: int, event: Callable[[], None]) -> None:
        """Have something happen."""
        heapq.heappush(self._events, (time_ns, next(self._numbers), event))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until_ns = self.now_ns + int(seconds * SECOND_NS)
        while self._events and self._events[0][0] <= until_ns:
            self.now_ns, _, event = heapq.heappop(self._events)
            event()
        self.now_ns = until_ns

    def connect(self, worker: FleetWorker, sender: Sender) -> Place:
        """Put a sender on a worker, and have it begin."""
        place = worker.add(sender)
        self.at(self.now_ns + self.random.randrange(20 * MS), lambda: self._begin(worker, place))
        return place

    def look(self, worker: FleetWorker, when_ns: int) -> None:
        """Have a worker see what is due."""
        if when_ns < worker.next_look_ns:
            worker.next_look_ns = when_ns
            self.at(when_ns, lambda: self._look(worker, when_ns))

    def restart_store_empty(self, away_seconds: float) -> None:
        """The store loses all that it knew: what it does not know counts as used up."""
        self.store_is_away_until_ns = self.now_ns + int(away_seconds * SECOND_NS)
        self.bucket = SharedBucket()
        self.bucket.theoretical_arrival_us = self.store_is_away_until_ns // US_NS + self.burst_us

    def hang_store(self, seconds: float) -> None:
        """The store stops: what reaches it meanwhile is done when it goes on, and nobody waits for the answer."""
        self.store_hangs_until_ns = self.now_ns + int(seconds * SECOND_NS)

    def counts(self, since_ns: int = 0) -> Counter[str]:
        """How many messages of each client passed."""
        return Counter(client for time_ns, client in self.passed if time_ns >= since_ns)

    def _begin(self, worker: FleetWorker, place: Place) -> None:
        if place.sender.rate:
            self._send(worker, place)
        else:
            for _ in range(place.sender.connections):
                self._arrive(worker, place)

    def _send(self, worker: FleetWorker, place: Place) -> None:
        if worker.is_dead:
            return
        if len(place.line) < MOST_QUEUED:
            self._arrive(worker, place)
        gap_ns = int(SECOND_NS / place.sender.rate * self.random.uniform(0.7, 1.3))
        self.at(self.now_ns + gap_ns, lambda: self._send(worker, place))

    def _arrive(self, worker: FleetWorker, place: Place) -> None:
        if worker.is_dead:
            return
        if self.now_ns < worker.stalled_until_ns:
            self.at(worker.stalled_until_ns, lambda: self._arrive(worker, place))
        elif not place.line and place.zone.admits(worker.now_ns, 0):
            self._pass(worker, place, worker.now_ns)
        else:
            place.line.append(worker.now_ns)
            place.zone.lack(0)

    def _pass(self, worker: FleetWorker, place: Place, arrived_ns: int) -> None:
        place.zone.spend(worker.now_ns, 1)
        place.sent += 1
        place.waits_ns.append(worker.now_ns - arrived_ns)
        self.passed.append((self.now_ns, place.sender.party.client_id))
        if not place.sender.rate:
            self.at(self.now_ns + self.random.randrange(20_000, 200_000), lambda: self._arrive(worker, place))

    def _look(self, worker: FleetWorker, when_ns: int) -> None:
        if worker.next_look_ns != when_ns or worker.is_dead:
            return
        worker.next_look_ns = FAR_NS
        if self.now_ns < worker.stalled_until_ns:
            self.look(worker, worker.stalled_until_ns)
            return
        places = [place for place in worker.places if place.line or not place.zone.is_idle]
        for place in places:
            while place.line and place.zone.has_room(worker.now_ns, 0):
                self._pass(worker, place, place.line.popleft())
        due = [place.zone.due_ns(worker.now_ns, _standing(place)) for place in places]
        if not worker.is_asking and due and min(due) <= worker.now_ns:
            self._ask(
                worker, [p for p, at_ns in zip(places, due, strict=True) if p.zone.comes_along(worker.now_ns, at_ns)]
            )
        wakes = [] if worker.is_asking else due
        wakes = [*wakes, *(place.zone.opens_at_ns() for place in places if place.line)]
        soonest_ns = min(wakes, default=FAR_NS)
        if soonest_ns < FAR_NS:
            self.look(worker, max(soonest_ns - worker.skew_ns, self.now_ns + MS))

    def _ask(self, worker: FleetWorker, places: list[Place]) -> None:
        asked_ns = worker.now_ns
        asks = [(place, place.zone.ask(asked_ns, _standing(place))) for place in places]
        asks = [(place, ask) for place, ask in asks if ask.wanted]
        if not asks:
            return
        if worker.alone is not None and self.now_ns < worker.probes_at_ns:
            self._grant_alone(worker, asks)
            return
        worker.is_asking = True
        self.round_trips += 1
        there_ns, back_ns = self._travel_ns(), self._travel_ns()
        arrives_ns, hung_until_ns = self.now_ns + there_ns, self.store_hangs_until_ns
        arrives = arrives_ns >= self.store_is_away_until_ns and self.random.random() >= self._lost
        if worker.alone is not None and arrives_ns < hung_until_ns:
            arrives = False  # it only tries whether the store is back, for nothing
        arrives_ns = max(arrives_ns, hung_until_ns)
        in_time = arrives_ns + back_ns <= self.now_ns + DECISION_NS
        answered = in_time and arrives and self.random.random() >= self._lost

        debit = worker.alone.owed(asked_ns // US_NS) if worker.alone else Debit()

        def at_the_store() -> None:
            for place, _ in asks:
                self.bucket.take_off(self.now_ns // US_NS, place.zone.terms, debit, str(worker.number))
            grants = [self.bucket.grant(self.now_ns // US_NS, place.zone.terms, ask) for place, ask in asks]
            if answered:
                self.at(self.now_ns + back_ns, lambda: self._hand_out(worker, asks, grants, asked_ns))

        if arrives:
            self.at(arrives_ns, at_the_store)
        if not answered:
            self.at(self.now_ns + DECISION_NS, lambda: self._go_on_alone(worker, asks, asked_ns))

    def _travel_ns(self) -> int:
        return self.random.randrange(*(TRAVELS_LATE_NS if self.random.random() < self._late else TRAVELS_NS))

    def _hand_out(self, worker: FleetWorker, asks: list[tuple[Place, Ask]], grants: list[Grant], asked_ns: int) -> None:
        if worker.is_dead:
            return
        if self.now_ns < worker.stalled_until_ns:
            self.at(worker.stalled_until_ns, lambda: self._hand_out(worker, asks, grants, asked_ns))
            return
        worker.is_asking, worker.alone = False, None
        for (place, _), grant in zip(asks, grants, strict=True):
            place.zone.take(grant, asked_ns, worker.now_ns)
        self.look(worker, self.now_ns)

    def _go_on_alone(self, worker: FleetWorker, asks: list[tuple[Place, Ask]], asked_ns: int) -> None:
        worker.is_asking = False
        worker.probes_at_ns = self.now_ns + self.random.randrange(100 * MS, 200 * MS)
        if worker.alone is None:
            share = share_alone(1 / len(self.workers), len(self.workers))
            terms = asks[0][0].zone.terms
            worker.alone = Fallback(StoreAway.SHARE, terms, share, asked_ns // US_NS)
        self._grant_alone(worker, asks)

    def _grant_alone(self, worker: FleetWorker, asks: list[tuple[Place, Ask]]) -> None:
        assert worker.alone is not None
        for place, ask in asks:
            grant = worker.alone.grant(worker.now_ns // US_NS, ask)
            self.granted_alone.append((self.now_ns, grant.permits))
            place.zone.take(grant, worker.now_ns, worker.now_ns)
        self.look(worker, self.now_ns + SPACING_NS)


def _standing(place: Place) -> Standing:
    return Standing(1, len(place.line), place.line[0]) if place.line else NOBODY


def most_over(
    times_ns: Sequence[int], policy: ZonePolicy, slack_permits: float, granted_alone: Sequence[tuple[int, int]] = ()
) -> float:
    """By how many permits a window holds more than rate x window + burst + 1 + ``slack_permits``; below 0 is fine.

    What was ``granted_alone`` in the window, or so shortly before that it could be spent in it, is not counted.
    """
    per_ns, most, least = policy.permits / policy.period_ns, -1e18, 1e18
    alone = sorted(granted_alone)
    before, by_now = _Running(alone, LEASE_NS), _Running(alone, 0)
    for number, time_ns in enumerate(sorted(times_ns)):
        ahead = number - time_ns * per_ns  # the count up to here, less what the rate gives
        least = min(least, ahead - before.sum_at(time_ns))
        most = max(most, ahead - by_now.sum_at(time_ns) - least)
    return most + 1 - (policy.burst + 1) - slack_permits


class _Running:
    """Adds up what came until ``delay_ns`` before a time that never runs backwards."""

    def __init__(self, events: Sequence[tuple[int, int]], delay_ns: int) -> None:
        self._events, self._delay_ns = deque(events), delay_ns
        self._sum = 0

    def sum_at(self, time_ns: int) -> int:
        while self._events and self._events[0][0] <= time_ns - self._delay_ns:
            self._sum += self._events.popleft()[1]
        return self._sum


def flood(name: str, weight: int = 1, priority: Priority = Priority.NORMAL, connections: int = 5) -> Sender:
    """A client that always has one more message."""
    return Sender(Party(name, priority, weight), 0, connections)


def steady(name: str, rate: float) -> Sender:
    """A client that sends so many messages a second."""
    return Sender(Party(name, Priority.NORMAL, 1), rate)


def run(fleet: Fleet, senders: list[Sender], seconds: float) -> Counter[str]:
    """Spread senders over the workers, and let time pass; answers who passed how much in the last seconds but one."""
    for number, sender in enumerate(senders):
        fleet.connect(fleet.workers[number % len(fleet.workers)], sender)
    fleet.run(1)
    since_ns = fleet.now_ns
    fleet.run(seconds)
    return fleet.counts(since_ns)
