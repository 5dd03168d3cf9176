"""What happens in a simulated world, and what became of it: values only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from relay.throttle.policy import Direction, ZoneSource

AT_ONCE_NS = 10_000_000  # a shorter wait is the relay's own work: it asks for a burst's permits in a few steps


class Kind(StrEnum):
    """What an event is."""

    MESSAGE = "message"
    CONTROL = "control"  # a ping or pong
    HANDSHAKE = "handshake"
    REQUEST = "request"  # an HTTP request: it belongs to no open connection
    CLOSE = "close"


class Result(StrEnum):
    """What became of an event."""

    PASSED = "passed"  # at once
    WAITED = "waited"  # it went on later
    REFUSED = "refused"  # a handshake or request, with 429
    CLOSED = "closed"  # it was lost: its connection ended while it waited
    SKIPPED = "skipped"  # it was never judged: its connection had been refused or closed before


class ConnectionName(NamedTuple):
    """How a trace tells connections apart: a number is one client's on one channel."""

    client: str
    channel: str
    number: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that came at a time of the virtual clock. ``size_bytes`` is its payload."""

    at_ns: int
    connection: ConnectionName
    size_bytes: int = 0
    kind: Kind = Kind.MESSAGE
    direction: Direction = Direction.TO_PLATFORM


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event, when, and which zone held, refused or closed it; none where nothing did.

    What only stood behind another one of its connection names the zone that held that one.
    """

    event: Event
    result: Result
    decided_ns: int
    zone: ZoneSource | None = None

    @property
    def wait_ns(self) -> int:
        """From when it came to when it went on, was refused or lost."""
        return self.decided_ns - self.event.at_ns


def went_on(event: Event, now_ns: int, zone: ZoneSource | None) -> Outcome:
    """What became of an event that goes on now, and that ``zone`` held if anything did."""
    if now_ns - event.at_ns < AT_ONCE_NS:
        return Outcome(event, Result.PASSED, now_ns)
    return Outcome(event, Result.WAITED, now_ns, zone)
