"""Workers that let connections in, lose them, fall silent and come back; and what the store must answer them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from uuid import uuid4

from hypothesis import strategies as st

from relay.store.caps import ALIVE_SECONDS, SETTLE_SECONDS, Entry, Held, Newcomer, Result, Who, enter, hold
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Scope, ZonePolicy
from relay.throttle.zones import ZoneKey
from tests.relay.store.held_clock import SECOND_US, HeldClock

CONNECTIONS = ZonePolicy(name="connections", counted=Counted.OPEN_CONNECTIONS, permits=3, beyond=Beyond.REJECT)
CAP = ZoneKey(Scope.CLIENT, "crm", "policy", "connections")
HANDSHAKES = ZonePolicy(
    name="handshakes", counted=Counted.HANDSHAKES, permits=5, burst=10, delay=2, beyond=Beyond.REJECT
)
ZONE = ZoneKey(Scope.CLIENT, "crm", "policy", "handshakes")
WIDER = ZoneKey(Scope.TENANT, "acme", "policy", "connections")
RATES = (
    HANDSHAKES,
    replace(HANDSHAKES, permits=3, burst=10, delay=10),
    replace(HANDSHAKES, permits=7, period_ns=60 * SECOND_NS, burst=4, delay=0),
    replace(HANDSHAKES, permits=1000, burst=0, delay=0),
)
LIMITS = 4, 6
WORKERS, CROWD = 3, 3
SILENCE_US = 4 * SECOND_US  # longer than anybody who holds something says nothing: then the store was away
KEYS = [ZoneKey(Scope.CLIENT, str(number), "policy", "connections") for number in range(len(LIMITS))]
Step = tuple[str, int, tuple[int, ...], int]


def steps(at_least: int = 0, at_most: int = 40) -> st.SearchStrategy[list[Step]]:
    """What happens, to which worker, under which caps, after how many microseconds."""
    gaps_us = st.one_of(st.just(0), *(st.integers(0, seconds * SECOND_US) for seconds in (1, 4, 4, 12)))
    kinds = st.sampled_from(("enter", "enter", "crowd", "leave", "hold", "lost"))
    under = st.sampled_from(((0,), (1,), (0, 1)))
    return st.lists(st.tuples(kinds, st.integers(0, WORKERS - 1), under, gaps_us), min_size=at_least, max_size=at_most)


class Places:
    """The same history twice: as the store answers, and in a few lines of Python.

    ``held`` is what is really open, ``counted`` what the store must know of it.
    """

    def __init__(self, tenant_id: str, clock: HeldClock) -> None:
        """Begin with nothing open."""
        self._tenant_id, self._clock = tenant_id, clock
        self._names = [f"worker-{uuid4()}" for _ in range(WORKERS)]
        self._held: list[Counter[int]] = [Counter() for _ in range(WORKERS)]
        self._counted: list[Counter[int]] = [Counter() for _ in range(WORKERS)]
        self._ends_us = [0] * WORKERS
        self._last_us = self._silent_from_us = self._resumed_us = 0

    async def live(self, redis_on_loop, history: list[Step]) -> None:  # noqa: ANN001 - a cluster or a single server
        """Go through a history, and compare each answer."""
        for kind, worker, under, gap_us in history:
            self._clock.now_us += gap_us
            if kind in ("enter", "crowd", "lost"):
                times = CROWD if kind == "crowd" else 1
                await self._enter(redis_on_loop, worker, under, times, is_lost=kind == "lost")
            elif kind == "leave":
                self._held[worker] -= Counter(under)
                await self._hold(redis_on_loop, worker)
            else:
                await self._hold(redis_on_loop, worker)
            for cap, limit in enumerate(LIMITS):
                assert self.open_of_the_living(cap) <= limit

    def open_of_the_living(self, cap: int) -> int:
        """How many connections are open under a cap, on workers that count as alive."""
        return sum(self._held[worker][cap] for worker in range(WORKERS) if self._is_alive(worker))

    async def _enter(self, redis_on_loop, worker: int, under: tuple[int, ...], times: int, *, is_lost: bool) -> None:  # noqa: ANN001
        self._hear()
        asked = tuple(Held(KEYS[cap], self._held[worker][cap], LIMITS[cap]) for cap in under)
        holds_any = bool(+self._held[worker])
        newcomers = times * [Newcomer((), asked)]
        entries = await enter(redis_on_loop, self._who(worker), newcomers, holds_any=holds_any)
        if holds_any and not self._is_alive(worker):
            assert {entry.result for entry in entries} == {Result.STRANGER}
            return
        self._bury(under)
        self._counted[worker].update({cap: self._held[worker][cap] - self._counted[worker][cap] for cap in under})
        for entry in entries:
            self._check(entry, worker, under, is_lost=is_lost)

    def _check(self, entry: Entry, worker: int, under: tuple[int, ...], *, is_lost: bool) -> None:
        totals = {cap: self._total(cap) for cap in under}
        full = [cap for cap in under if totals[cap] >= LIMITS[cap]]
        if full:
            assert (entry.result, under[entry.refused_by]) == (Result.FULL, full[0])
            assert entry.totals == tuple(totals.values())
            return
        assert entry.result is Result.IN
        assert entry.totals == tuple(total + 1 for total in totals.values())
        self._counted[worker] += Counter(under)
        self._spoke(worker)
        if not is_lost:
            self._held[worker] += Counter(under)

    async def _hold(self, redis_on_loop, worker: int) -> None:  # noqa: ANN001
        self._hear()
        held = [Held(KEYS[cap], self._held[worker][cap], limit) for cap, limit in enumerate(LIMITS)]
        _, answers = await hold(redis_on_loop, self._who(worker), held)
        was_alive = self._is_alive(worker)
        self._bury(range(len(LIMITS)))
        self._counted[worker] = Counter()
        for cap, answer in enumerate(answers):
            count, others = self._held[worker][cap], self._total(cap)
            surplus = 0 if was_alive else min(count, max(0, count + others - LIMITS[cap]))
            assert answer == (surplus, others + count - surplus)
            self._held[worker][cap] = self._counted[worker][cap] = count - surplus
        self._spoke(worker)

    def _hear(self) -> None:
        """Somebody speaks to the store; after a silence those who were alive before still are for a while."""
        now_us, resumed_us = self._clock.now_us, self._resumed_us
        if self._last_us and now_us - self._last_us > SILENCE_US:
            if not resumed_us or self._last_us > resumed_us + SILENCE_US:
                self._silent_from_us = self._last_us
            self._resumed_us = now_us
        self._last_us = now_us

    def _is_alive(self, worker: int) -> bool:
        settles = self._resumed_us and self._clock.now_us < self._resumed_us + SETTLE_SECONDS * SECOND_US
        return self._ends_us[worker] > (self._silent_from_us if settles else self._clock.now_us)

    def _bury(self, under: Iterable[int]) -> None:
        for counted in (self._counted[worker] for worker in range(WORKERS) if not self._is_alive(worker)):
            counted.update({cap: -counted[cap] for cap in under})

    def _total(self, cap: int) -> int:
        return sum(counted[cap] for counted in self._counted)

    def _spoke(self, worker: int) -> None:
        """From now on the dead are dead, whatever silence follows: others may have their places."""
        self._ends_us = [ends if self._is_alive(other) else 0 for other, ends in enumerate(self._ends_us)]
        self._ends_us[worker] = self._clock.now_us + int(ALIVE_SECONDS * SECOND_US)

    def _who(self, worker: int) -> Who:
        return Who(self._tenant_id, self._names[worker], "")
