"""The last messages that were received, bounded by number and by bytes."""

import base64
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from floodgate_simulator.settings import MIB

KEPT_MESSAGES = 100_000
KEPT_BYTES = 64 * MIB


class ReceivedMessage(NamedTuple):
    """One message as it came, and where from."""

    sequence: int
    connection: int
    credential: str
    platform: str
    channel: str
    received_at: float
    payload: bytes
    is_text: bool

    def as_json(self) -> dict[str, object]:
        """The line that the control API answers: text as text, binary in base64."""
        line: dict[str, object] = {
            "sequence": self.sequence,
            "connection": self.connection,
            "credential": self.credential,
            "platform": self.platform,
            "channel": self.channel,
            "received_at": self.received_at,
            "size": len(self.payload),
        }
        if self.is_text:
            return line | {"message": self.payload.decode()}
        return line | {"message": base64.b64encode(self.payload).decode(), "binary": True}


class ReceivedMessages:
    """The newest messages, oldest dropped first."""

    def __init__(self, kept_messages: int = KEPT_MESSAGES, kept_bytes: int = KEPT_BYTES) -> None:
        """Begin empty; the sequence begins at 1."""
        self._kept_messages = kept_messages
        self._kept_bytes = kept_bytes
        self._messages: deque[ReceivedMessage] = deque()
        self._bytes = 0
        self._sequence = 0

    def next_sequence(self) -> int:
        """The number of the message that comes now."""
        self._sequence += 1
        return self._sequence

    def append(self, message: ReceivedMessage) -> None:
        """Keep one message, and drop as many of the oldest as the bounds ask."""
        messages = self._messages
        messages.append(message)
        self._bytes += len(message.payload)
        while len(messages) > self._kept_messages or self._bytes > self._kept_bytes:
            self._bytes -= len(messages.popleft().payload)

    def after(self, sequence: int) -> Iterator[ReceivedMessage]:
        """Those kept whose sequence is above ``sequence``, oldest first, as they are now."""
        messages = self._messages
        known = max(0, sequence - messages[0].sequence + 1) if messages else 0
        return iter(list(islice(messages, known, None)))

    def clear(self) -> int:
        """Forget all, begin the sequence again, and answer how many were kept."""
        forgotten = len(self._messages)
        self._messages.clear()
        self._bytes = self._sequence = 0
        return forgotten
