"""What workers ask of one shared zone while time passes, and the model that must answer the same."""

from collections.abc import Iterable, Iterator
from itertools import product
from random import Random
from uuid import uuid4

from hypothesis import strategies as st

from relay.store.leases import LeaseRequest, take_leases
from relay.throttle.fairness import Priority
from relay.throttle.granting import Ask, Debit, Party, SharedBucket, Terms
from relay.throttle.policy import SECOND_NS, Counted, Scope, ZonePolicy
from relay.throttle.zones import ZoneKey
from tests.relay.store.held_clock import HeldClock

DAY_SECONDS = 86_400
KEY = ZoneKey(Scope.TENANT, "acme", "policy", "tenant")
TERMS = [
    Terms.of(policy)
    for policy in (
        ZonePolicy(name="tenant", permits=400, burst=40, delay=40),
        ZonePolicy(name="tenant", permits=400, burst=40, delay=10),
        ZonePolicy(name="tenant", permits=100),
        ZonePolicy(name="tenant", permits=5, burst=3, delay=3),
        ZonePolicy(name="tenant", permits=17, period_ns=60 * SECOND_NS, burst=5),
        ZonePolicy(name="tenant", permits=1, period_ns=DAY_SECONDS * SECOND_NS, burst=2, delay=1),
        ZonePolicy(name="tenant", permits=7_919, burst=100, delay=50),
        ZonePolicy(name="tenant", permits=1_000_000, burst=1000, delay=1000),
        ZonePolicy(name="tenant", counted=Counted.BYTES, permits=10_000_000, burst=1_000_000, delay=65_536),
        ZonePolicy(name="tenant", permits=400, burst=60, delay=40, strict=True),
    )
]
PARTIES = [Party(f"crm {priority} {weight}", priority, weight) for priority, weight in product(Priority, (1, 5))]
Step = tuple[int, Terms, Ask, Debit]

gaps_us = st.one_of(
    st.just(0), st.integers(1, 20_000), st.integers(1, 300_000), st.integers(1, 3_000_000), st.integers(1, 60_000_000)
)
amounts = st.tuples(st.sampled_from((0, 1, 2, 900)), st.one_of(st.integers(0, 9), st.integers(0, 70_000)))


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Steps of one zone: the time that passes, under which terms, what is asked for, what was taken without asking."""
    terms = draw(st.lists(st.sampled_from(TERMS), min_size=1, max_size=2))
    parties = draw(st.lists(st.sampled_from([None, *PARTIES]), min_size=1, max_size=5))
    waits_us = st.one_of(st.just(0), st.integers(0, 100_000), st.integers(0, 5_000_000))
    asks = st.builds(_ask, amounts, waits_us, st.sampled_from(parties))
    mostly_the_first = st.sampled_from([terms[0], terms[0], terms[0], terms[-1]])
    return draw(st.lists(st.tuples(gaps_us, mostly_the_first, asks, st.just(Debit())), min_size=1, max_size=30))


def busy_history(chance: Random) -> Iterator[Step]:
    """A long one, at one pace, in which parties mostly want about what there is, or far more."""
    terms, parties = chance.sample(TERMS, 2), chance.sample([None, *PARTIES], chance.randint(1, 6))
    pace_us = chance.choice((2_000, 20_000, 200_000, 2_000_000))
    for _ in range(chance.randint(5, 120)):
        pause_us = chance.randrange(20 * pace_us) if chance.random() < 0.2 else 0
        gap_us = chance.choice((0, *chance.choices(range(pace_us), k=3), pause_us))
        amount = chance.choice((0, 1, 1, 1, 5)), chance.choice((0, 0, 1, chance.randrange(60), chance.randrange(3000)))
        ask = _ask(amount, chance.choice((0, chance.randrange(100_000))), chance.choice(parties))
        yield gap_us, terms[chance.random() < 0.05], ask, Debit()


async def agrees(redis_on_loop, clock: HeldClock, history: Iterable[Step]) -> None:  # noqa: ANN001 - or a cluster
    """Compare at each step what Redis and the model answer."""
    tenant_id, model = str(uuid4()), SharedBucket()
    for gap_us, terms, ask, debit in history:
        clock.now_us += gap_us
        request = LeaseRequest(KEY, terms, ask, debit)
        [answer] = (await take_leases(redis_on_loop, tenant_id, "1", "", [request])).answers
        model.take_off(clock.now_us, terms, debit, "1")
        assert answer.grant == model.grant(clock.now_us, terms, ask)


def _ask(amount: tuple[int, int], waited_us: int, party: Party | None) -> Ask:
    """The first in line needs the first of both amounts; whoever stands in no line has not waited."""
    first, more = amount
    return Ask(first, first + more, waited_us if first else 0, party)
