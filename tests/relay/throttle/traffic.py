"""Limits and traffic for Hypothesis: rates from 1 a day to a million a second, times around what they allow."""

from itertools import accumulate

from hypothesis import strategies as st

from relay.throttle.policy import SECOND_NS, Beyond, Counted, ZonePolicy

DAY_NS = 86_400 * SECOND_NS
RATES = (
    (1, DAY_NS),
    (17, 60 * SECOND_NS),
    (3, SECOND_NS),
    (100, SECOND_NS),
    (7_919, SECOND_NS),
    (1_000_000, SECOND_NS),
)


@st.composite
def message_zones(draw: st.DrawFn, name: str = "client") -> ZonePolicy:
    """Limits that let wait."""
    (permits, period_ns), burst = draw(st.sampled_from(RATES)), draw(st.integers(0, 8))
    return ZonePolicy(name=name, permits=permits, period_ns=period_ns, burst=burst, delay=draw(st.integers(0, burst)))


def gaps_ns(policy: ZonePolicy, at_least: int = 0, at_most: int = 40) -> st.SearchStrategy[list[int]]:
    """Times between two events: from none to three times what one permit takes."""
    hundredths = st.lists(st.integers(0, 300), min_size=at_least, max_size=at_most)
    return hundredths.map(lambda gaps: [gap * policy.period_ns // policy.permits // 100 for gap in gaps])


def arrivals_ns(policy: ZonePolicy, at_most: int = 40) -> st.SearchStrategy[list[int]]:
    """Times at which messages come, in order."""
    return gaps_ns(policy, at_most=at_most).map(lambda gaps: list(accumulate(gaps)))


def latenesses_ns(policy: ZonePolicy) -> st.SearchStrategy[list[int]]:
    """By how much a busy process is late at each wake-up."""
    return gaps_ns(policy, at_least=1, at_most=5)


@st.composite
def limited_traffic(draw: st.DrawFn) -> tuple[ZonePolicy, list[int]]:
    """A limit and the times at which messages come to it."""
    policy = draw(message_zones())
    return policy, draw(arrivals_ns(policy))


def rejecting(policy: ZonePolicy) -> ZonePolicy:
    """The same limit on what has an answer: it reserves, and rejects beyond the burst."""
    return ZonePolicy(
        name=policy.name,
        counted=Counted.HANDSHAKES,
        permits=policy.permits,
        period_ns=policy.period_ns,
        burst=policy.burst,
        delay=policy.delay,
        beyond=Beyond.REJECT,
    )
