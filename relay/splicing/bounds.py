"""What one connection may hold, and for how long, whatever its policy says. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """The same for all connections of a process.

    Attributes:
        largest_message_bytes: of one message, by what its headers say.
        most_fragments: of one message.
        slow_reader_seconds: for which a side may leave more unread than the high-water mark.
        idle_seconds: for which a client that may send may be silent; 0 is for ever.
    """

    largest_message_bytes: int
    most_fragments: int
    slow_reader_seconds: int
    idle_seconds: int
