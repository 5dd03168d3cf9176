"""What the load process is asked to do, as values that travel to it as JSON. How it is done: the file of each."""

from msgspec import Struct

MESSAGE_BYTES = 512


class Target(Struct, frozen=True):
    """Where connections go, and what they show at the door."""

    port: int
    path: str
    authorization: str = ""


class ClosedLoop(Struct, frozen=True, tag=True):
    """Each connection keeps ``in_flight`` messages under way: the next is sent when an echo comes back."""

    target: Target
    process_ids: tuple[int, ...]
    connections: int
    in_flight: int
    warm_up_seconds: float
    seconds: float


class Paced(Struct, frozen=True, tag=True):
    """Messages leave at a fixed pace, whether or not echoes come back."""

    target: Target
    connections: int
    messages_per_second: float
    warm_up_seconds: float
    seconds: float


class Idle(Struct, frozen=True, tag=True):
    """Connections are opened and left alone."""

    target: Target
    process_ids: tuple[int, ...]
    connections: int


class Handshakes(Struct, frozen=True, tag=True):
    """Connections are opened and closed at once, ``concurrency`` at a time."""

    target: Target
    process_ids: tuple[int, ...]
    concurrency: int
    warm_up_seconds: float
    seconds: float


Scenario = ClosedLoop | Paced | Idle | Handshakes
