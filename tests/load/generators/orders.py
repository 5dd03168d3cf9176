"""What a process of load is asked to do, and what it tells afterwards, as values that travel as JSON."""

from msgspec import Struct, field


class Door(Struct, frozen=True):
    """Where connections go, and what they show there: the next one of ``authorizations`` each time, in turn."""

    port: int
    authorizations: tuple[str, ...]
    path: str = "/v2/websocket/echo"


class Hold(Struct, frozen=True, tag=True):
    """Open so many connections, say "open", and leave them alone until standard input ends."""

    door: Door
    connections: int


class Storm(Struct, frozen=True, tag=True):
    """So many programs connect at once; who is refused comes back after about a second, until all are in."""

    door: Door
    programs: int
    most_seconds: float


class SlowReaders(Struct, frozen=True, tag=True):
    """Connections to which more is sent than they read: some read a little, others never."""

    door: Door
    slow: int
    never: int
    bytes_per_second: int
    most_seconds: float


class Steady(Struct, frozen=True, tag=True):
    """A connection for each authorization of each door sends at a fixed pace, whether or not echoes come back."""

    doors: tuple[Door, ...]
    messages_per_second: float
    seconds: float


class Churn(Struct, frozen=True, tag=True):
    """Open connections at a fixed pace and end each at once: every other one without a Close frame."""

    door: Door
    per_second: float
    seconds: float


Order = Hold | Storm | SlowReaders | Steady | Churn


class Held(Struct):
    """Of a ``Hold``: how many connections were lost before the end."""

    lost: int


class Stormed(Struct):
    """Of a ``Storm``.

    Attributes:
        admitted_at: when each admitted program was, in seconds since the first attempt, in order.
        told: refusals that said when to come back.
        untold: all other answers, and attempts without one.
    """

    admitted_at: list[float] = field(default_factory=list)
    told: int = 0
    untold: list[str] = field(default_factory=list)


class SlowlyRead(Struct):
    """Of ``SlowReaders``: after how many seconds each connection was ended, and how many were not."""

    slow_ended_after: list[float] = field(default_factory=list)
    never_ended_after: list[float] = field(default_factory=list)
    left: int = 0


class Pace(Struct):
    """Of ``Steady``, for one door: messages that were sent and came back, lost connections, round trips."""

    sent: int
    echoed: int
    lost: int
    p50_ms: float
    p99_ms: float
    longest_ms: float


class Churned(Struct):
    """Of a ``Churn``: connections that were opened and ended, how long the pace took, and what failed."""

    ended: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
