"""Workers that let connections in, lose them, are buried and come back; and what the store must answer them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import uuid4

from hypothesis import strategies as st

from relay.store.caps import Entry, Held, Newcomer, Result, Who, enter, hold
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
KEYS = [ZoneKey(Scope.CLIENT, str(number), "policy", "connections") for number in range(len(LIMITS))]
Step = tuple[str, int, tuple[int, ...], int]


def steps(at_least: int = 0, at_most: int = 40) -> st.SearchStrategy[list[Step]]:
    """What happens, to which worker, under which caps, after how many microseconds."""
    gaps_us = st.one_of(st.just(0), *(st.integers(0, seconds * SECOND_US) for seconds in (1, 4, 12)))
    kinds = st.sampled_from(("enter", "enter", "crowd", "leave", "hold", "lost", "bury", "revive"))
    under = st.sampled_from(((0,), (1,), (0, 1)))
    return st.lists(st.tuples(kinds, st.integers(0, WORKERS - 1), under, gaps_us), min_size=at_least, max_size=at_most)


class Places:
    """The same history twice: as the store answers, and in a few lines of Python.

    ``held`` is what is really open, ``counted`` what the store must know of it, under which names.
    """

    def __init__(self, tenant_id: str, clock: HeldClock) -> None:
        """Begin with nothing open."""
        self._tenant_id, self._clock = tenant_id, clock
        self._processes = [f"worker-{uuid4()}" for _ in range(WORKERS)]
        self._lives = [1] * WORKERS
        self._held: list[Counter[int]] = [Counter() for _ in range(WORKERS)]
        self._counted: list[dict[str, int]] = [{} for _ in LIMITS]
        self._unaware: set[int] = set()  # those that were buried and have not heard of it

    async def live(self, redis_on_loop, history: list[Step]) -> None:  # noqa: ANN001 - a cluster or a single server
        """Go through a history, and compare each answer."""
        for kind, worker, under, gap_us in history:
            self._clock.now_us += gap_us
            if kind in ("enter", "crowd", "lost"):
                times = CROWD if kind == "crowd" else 1
                await self._enter(redis_on_loop, worker, under, times, is_lost=kind == "lost")
            elif kind == "bury":
                self._unaware.add((worker + 1) % WORKERS)
                await self._enter(redis_on_loop, worker, under, 1, dead=[self._name((worker + 1) % WORKERS)])
            else:
                self._held[worker] -= Counter(under if kind == "leave" else ())
                self._lives[worker] += kind == "revive"
                await self._hold(redis_on_loop, worker, was_dead=kind == "revive")
            for cap, limit in enumerate(LIMITS):
                aware = set(range(WORKERS)) - self._unaware
                assert sum(self._held[worker][cap] for worker in aware) <= limit

    async def _enter(  # noqa: PLR0913 - a step
        self,
        redis_on_loop,  # noqa: ANN001
        worker: int,
        under: tuple[int, ...],
        times: int,
        *,
        is_lost: bool = False,
        dead: Sequence[str] = (),
    ) -> None:
        name, held = self._name(worker), self._held[worker]
        asked = tuple(Held(KEYS[cap], held[cap], LIMITS[cap]) for cap in under)
        entries = await enter(redis_on_loop, self._who(worker), times * [Newcomer((), asked)], dead)
        if any(held[cap] and name not in self._counted[cap] for cap in under):
            assert {entry.result for entry in entries.each} == {Result.STRANGER}
            return
        for cap in under:
            self._forget(cap, [*dead, *self._former_lives(worker)])
            if held[cap] != self._counted[cap].get(name, 0):
                self._counted[cap][name] = held[cap]
        before = [{other for other in self._counted[cap] if other != name} for cap in under]
        for entry in entries.each:
            self._check(entry, worker, under, is_lost=is_lost)
        full = {entry.refused_by for entry in entries.each if entry.result is Result.FULL}
        assert set(entries.others) == set().union(*(before[number] for number in full))

    def _check(self, entry: Entry, worker: int, under: tuple[int, ...], *, is_lost: bool) -> None:
        totals = {cap: sum(self._counted[cap].values()) for cap in under}
        full = [cap for cap in under if totals[cap] >= LIMITS[cap]]
        if full:
            assert (entry.result, under[entry.refused_by]) == (Result.FULL, full[0])
            assert entry.totals == tuple(totals.values())
            return
        assert entry.result is Result.IN
        assert entry.totals == tuple(total + 1 for total in totals.values())
        for cap in under:
            self._counted[cap][self._name(worker)] = self._counted[cap].get(self._name(worker), 0) + 1
        if not is_lost:
            self._held[worker] += Counter(under)

    async def _hold(self, redis_on_loop, worker: int, *, was_dead: bool) -> None:  # noqa: ANN001
        held = [Held(KEYS[cap], self._held[worker][cap], limit) for cap, limit in enumerate(LIMITS)]
        _, answers = await hold(redis_on_loop, self._who(worker), held, was_dead=was_dead)
        for cap, answer in enumerate(answers):
            counted, own = self._counted[cap], [self._name(worker), *self._former_lives(worker)]
            is_known = any(name in counted for name in own)
            self._forget(cap, own)
            count, others = self._held[worker][cap], sum(counted.values())
            surplus = 0 if is_known and not was_dead else min(count, max(0, count + others - LIMITS[cap]))
            assert answer == (surplus, others + count - surplus)
            self._held[worker][cap] = count - surplus
            if count - surplus:
                counted[self._name(worker)] = count - surplus
        self._unaware.discard(worker)

    def _forget(self, cap: int, names: Iterable[str]) -> None:
        for name in names:
            self._counted[cap].pop(name, None)

    def _name(self, worker: int) -> str:
        return f"{self._processes[worker]}/{self._lives[worker]}"

    def _former_lives(self, worker: int) -> list[str]:
        return [f"{self._processes[worker]}/{life}" for life in range(1, self._lives[worker])]

    def _who(self, worker: int) -> Who:
        return Who(self._tenant_id, self._name(worker), "")
