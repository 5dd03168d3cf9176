"""Many messages, or large ones, made only when they are sent: a whole table of them would fill the memory."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.conformance.case import Message, Told
from tests.conformance.deflate import Deflate
from tests.conformance.wire import BINARY, TEXT

WORDS = "κόσμε, Zürich, 水 and the rest of the world; ".encode()
JSON = b'{"id": 17, "queue": "billing", "state": "waiting", "since": "2024-05-01T09:30:00Z"}, '


@dataclass(frozen=True, slots=True)
class Content:
    """What messages are filled with: ``fill`` makes so many bytes, the same ones each time."""

    name: str
    opcode: int
    fill: Callable[[int], bytes]


def _repeated(unit: bytes) -> Callable[[int], bytes]:
    return lambda size_bytes: (unit * (size_bytes // len(unit) + 1))[:size_bytes]


def _words(size_bytes: int) -> bytes:
    whole = _repeated(WORDS)(size_bytes).decode(errors="ignore").encode()  # less half a code point at the end
    return whole.ljust(size_bytes, b".")


def _noise(size_bytes: int) -> bytes:
    return random.Random(size_bytes).randbytes(size_bytes)


TEXTS = Content("a text", TEXT, _words)
JSONS = Content("JSON", TEXT, _repeated(JSON))
DIGITS = Content(
    "random digits", TEXT, lambda size_bytes: (b"0" + _noise(size_bytes // 2).hex().encode())[-size_bytes:]
)
ZEROS = Content("zeros", BINARY, bytes)
NOISE = Content("noise", BINARY, _noise)


@dataclass(frozen=True, slots=True)
class Bulk:
    """``count`` messages of ``size_bytes`` each, in fragments of ``fragment_bytes``, or in none where that is 0.

    Each begins with its number where there is room, so that two that changed places would be seen.
    """

    content: Content
    size_bytes: int
    count: int = 1
    fragment_bytes: int = 0

    def frames(self, deflate: Deflate | None) -> Iterator[bytes]:
        """The frames of one message after the other."""
        for message in self._messages():
            yield from message.frames(deflate)

    def told(self) -> Iterator[Told]:
        """All of the messages."""
        for message in self._messages():
            yield from message.told()

    def _messages(self) -> Iterator[Message]:
        part_bytes = self.fragment_bytes or max(self.size_bytes, 1)
        for number in range(self.count):
            label = b"%d " % number if self.count > 1 and self.size_bytes else b""
            payload = label + self.content.fill(self.size_bytes - len(label))
            parts = tuple(payload[at : at + part_bytes] for at in range(0, len(payload), part_bytes))
            yield Message(self.content.opcode, parts or (b"",))
