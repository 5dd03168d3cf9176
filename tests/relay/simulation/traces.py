"""Short ways to write a trace, and to play it."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from relay.simulation.events import ConnectionName, Event, Outcome
from relay.simulation.rules import Rules
from relay.simulation.world import World
from relay.throttle.policy import SECOND_NS, PolicySnapshot, ZonePolicy

Unchecked: TypeAlias = Any  # what only passes through to an event
MS = 1_000_000
BEGAN_NS = SECOND_NS


def event(at_ms: float = 0, client: str = "crm", number: int = 1, channel: str = "chat", **fields: Unchecked) -> Event:
    """A message, so many milliseconds after the world began; ``fields`` are the event's others."""
    return Event(BEGAN_NS + round(at_ms * MS), ConnectionName(client, channel, str(number)), **fields)


def rules(*zones: ZonePolicy, weights: dict[str, int] | None = None) -> Rules:
    """One policy for all."""
    return Rules((PolicySnapshot("policy", 1, zones),), weights or {})


def play(the_rules: Rules, events: Iterable[Event]) -> list[Outcome]:
    """What becomes of all of them."""
    return list(World(the_rules, BEGAN_NS).play(events))


def shares(outcomes: Iterable[Outcome], of: Callable[[ConnectionName], str]) -> Counter[str]:
    """How many went on from the second to the fifth second, by what ``of`` makes of a connection's name."""
    return Counter(
        of(outcome.event.connection)
        for outcome in outcomes
        if SECOND_NS < outcome.decided_ns - BEGAN_NS < 5 * SECOND_NS
    )


def told(outcomes: Iterable[Outcome]) -> list[tuple[str, int]]:
    """The result and the wait in milliseconds of each."""
    return [(outcome.result.value, outcome.wait_ns // MS) for outcome in outcomes]
