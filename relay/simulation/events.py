"""What happens in a simulated world, and what became of it: values only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from relay.protocol.frames import FrameKind, fragment_kind
from relay.throttle.policy import Counted, Direction, ZoneSource

COUNTED_AS = {
    FrameKind.MESSAGE: (Counted.MESSAGES, Counted.BYTES),
    FrameKind.FRAGMENT: (Counted.BYTES,),
    FrameKind.CONTROL: (Counted.CONTROL_FRAMES, Counted.BYTES),
}
AT_ONCE_NS = 10_000_000  # a shorter wait is the relay's own work: it asks for a burst's permits in a few steps


class Kind(StrEnum):
    """What an event is."""

    MESSAGE = "message"
    FRAGMENT = "fragment"  # a further frame of a message that it does not end
    LAST_FRAGMENT = "last_fragment"
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


def frame_kind(event: Event) -> FrameKind:
    """By which limiter of a connection its frame is judged."""
    if event.kind in (Kind.FRAGMENT, Kind.LAST_FRAGMENT):
        return fragment_kind(event.size_bytes, ends_message=event.kind is Kind.LAST_FRAGMENT)
    return FrameKind.CONTROL if event.kind is Kind.CONTROL else FrameKind.MESSAGE


def counted_as(event: Event) -> tuple[Counted, ...]:
    """Which limits an event is charged in, if it passes: those that count one of these."""
    if event.kind is Kind.HANDSHAKE:
        return Counted.HANDSHAKES, Counted.OPEN_CONNECTIONS
    if event.kind is Kind.REQUEST:
        return (Counted.REQUESTS,)
    return COUNTED_AS[frame_kind(event)]


def went_on(event: Event, now_ns: int, zone: ZoneSource | None) -> Outcome:
    """What became of an event that goes on now, and that ``zone`` held if anything did."""
    if now_ns - event.at_ns < AT_ONCE_NS:
        return Outcome(event, Result.PASSED, now_ns)
    return Outcome(event, Result.WAITED, now_ns, zone)
