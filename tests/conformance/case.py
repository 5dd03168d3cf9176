"""One row of the table: what a client sends, what must come back, and what a relay in between may change of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple, Protocol

from tests.conformance.deflate import Deflate
from tests.conformance.wire import CLOSE, CONTINUATION, FIN, RSV1, wire_frame

NORMAL, NO_CODE, PROTOCOL_ERROR, BAD_TEXT, TOO_BIG = 1000, 1005, 1002, 1007, 1009
FRAMEWISE, OCTETS, TOGETHER = 0, 1, 64 * 1024
LARGEST_CONTROL_BYTES = 125
SHOWN_BYTES = 64  # a longer message is told by its digest


class Difference(StrEnum):
    """What may be otherwise with the relay in between, and why."""

    ECHOES = "what came before a fault or a Close may still be on its way when the connection ends"
    REASON = "the relay refuses by the header of a frame, with the same code and in its own words"
    CODE = "RFC 6455 says MUST, the relay looks, and the echo does not"


class Told(NamedTuple):
    """A message that came back: its opcode, its length in bytes, and its payload or the digest of it."""

    opcode: int
    size_bytes: int
    content: str


class Sendable(Protocol):
    """What a client can send."""

    def frames(self, deflate: Deflate | None) -> Iterator[bytes]:
        """The frames, masked; ``deflate`` where the connection has agreed on it."""

    def told(self) -> Iterator[Told]:
        """The messages among it, as they must come back."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, right or wrong, that is no whole message: nothing comes back of it by itself."""

    first: int
    payload: bytes = b""

    def frames(self, _deflate: Deflate | None) -> Iterator[bytes]:
        """The frame as it is: never compressed."""
        yield wire_frame(self.first, self.payload)

    def told(self) -> Iterator[Told]:
        """Nothing."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes as they are, for headers that ``wire_frame`` would never write."""

    octets: bytes

    def frames(self, _deflate: Deflate | None) -> Iterator[bytes]:
        """These bytes."""
        yield self.octets

    def told(self) -> Iterator[Told]:
        """Nothing."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message in as many fragments as there are ``parts``."""

    opcode: int
    parts: tuple[bytes, ...]

    def frames(self, deflate: Deflate | None) -> Iterator[bytes]:
        """A frame for each part; compressed as a whole, it is cut in as many as it had, as even as can be."""
        parts, first = self.parts, self.opcode
        if deflate is not None:
            parts, first = even_parts(deflate.compressed(b"".join(parts)), len(parts)), first | RSV1
        for number, part in enumerate(parts, start=1):
            yield wire_frame(first | (FIN if number == len(parts) else 0), part)
            first = CONTINUATION

    def told(self) -> Iterator[Told]:
        """The one message."""
        yield told(self.opcode, b"".join(self.parts))


@dataclass(frozen=True, slots=True)
class Case:
    """One row.

    Attributes:
        number: in the numbering that the Autobahn suite made common.
        name: what is tried, in words.
        sends: what the client sends.
        messages: what must be echoed.
        pongs: the payloads of the pongs that must come.
        closes_with: the code that the client must be closed with; else it closes with 1000 when all has come.
        piece_bytes: how many bytes leave in one write; FRAMEWISE is a write for each frame.
        pause_seconds: between two writes, so that they are read one by one.
        offers: the client's Sec-WebSocket-Extensions.
        may_differ: see Difference.
        relayed_closes_with: the code through the relay, where it may differ.
    """

    number: str
    name: str
    sends: tuple[Sendable, ...]
    messages: tuple[Sendable, ...] = ()
    pongs: tuple[bytes, ...] = ()
    closes_with: int | None = None
    piece_bytes: int = TOGETHER
    pause_seconds: float = 0.0005
    offers: str = ""
    may_differ: frozenset[Difference] = frozenset()
    relayed_closes_with: int | None = None

    def __str__(self) -> str:
        """The row's name in the list of tests."""
        return f"{self.number} {self.name}"

    @property
    def group(self) -> int:
        """The first part of its number."""
        return int(self.number.partition(".")[0])

    @property
    def client_closes(self) -> bool:
        """Tell whether a Close frame is among what it sends, and one that can be read."""
        closes = (sent for sent in self.sends if isinstance(sent, Frame) and sent.first == FIN | CLOSE)
        return any(len(sent.payload) != 1 and len(sent.payload) <= LARGEST_CONTROL_BYTES for sent in closes)

    def pieces(self, deflate: Deflate | None) -> Iterator[bytes]:
        """What leaves in one write each."""
        frames = (frame for sent in self.sends for frame in sent.frames(deflate))
        if self.piece_bytes == FRAMEWISE:
            yield from frames
            return
        waiting = bytearray()
        for frame in frames:
            waiting += frame
            whole_bytes = len(waiting) - len(waiting) % self.piece_bytes
            for at in range(0, whole_bytes, self.piece_bytes):
                yield bytes(waiting[at : at + self.piece_bytes])
            del waiting[:whole_bytes]
        if waiting:
            yield bytes(waiting)


def told(opcode: int, payload: bytes) -> Told:
    """How a message is compared, and shown where it differs."""
    content = repr(payload) if len(payload) <= SHOWN_BYTES else sha256(payload).hexdigest()
    return Told(opcode, len(payload), content)


def even_parts(whole: bytes, count: int) -> tuple[bytes, ...]:
    """Cut in so many parts, of which the last ones may be shorter or empty."""
    part_bytes = -(-len(whole) // count)
    return tuple(whole[number * part_bytes : (number + 1) * part_bytes] for number in range(count))
