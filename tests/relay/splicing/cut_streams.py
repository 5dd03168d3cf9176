"""Streams of frames that are cut in every way, and a side of a connection without sockets that walks them."""

from collections import deque
from itertools import accumulate, pairwise
from typing import NamedTuple

from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from relay.simulation.agenda import Agenda, lines_on
from relay.simulation.events import Event, Kind
from relay.splicing.walk import walk
from relay.throttle.limiter import AnyZone, FrameLimits
from relay.throttle.verdict import PASS
from tests.relay.protocol.wire import scanner_of
from tests.relay.simulation.traces import BEGAN_NS, MS, event

SIZES = st.sampled_from([0, 1, 2, 124, 125, 126, 127, 300])


class Cut(NamedTuple):
    """One frame: what it is in a trace, and as bytes."""

    kind: Kind
    size: int
    wire: bytes

    @property
    def needed(self) -> int:
        """After how many of its bytes it can be judged."""
        return 2 if self.size <= 125 else 4


@st.composite
def cut_messages(draw: st.DrawFn) -> list[Cut]:
    """One message in one frame or more, with pings and pongs between them."""
    opcode, frames = Opcode.BINARY, []
    sizes = draw(st.lists(SIZES, min_size=1, max_size=6))
    for number, size in enumerate(sizes):
        is_last = number == len(sizes) - 1
        kind = Kind.MESSAGE if not number else Kind.LAST_FRAGMENT if is_last else Kind.FRAGMENT
        frames.append(Cut(kind, size, Frame(opcode, bytes(size), fin=is_last).serialize(mask=True)))
        opcode = Opcode.CONT
        pings = draw(st.lists(st.integers(0, 125), max_size=2))
        frames += [Cut(Kind.CONTROL, ping, Frame(Opcode.PING, bytes(ping)).serialize(mask=True)) for ping in pings]
    return frames


class Stream(NamedTuple):
    """Frames as a network brings them: pieces that are cut anywhere, each with its time."""

    frames: list[Cut]
    pieces: list[tuple[int, bytes]]

    def trace(self) -> list[Event]:
        """The same as recorded traffic: a frame comes when enough of it is there to judge it."""
        ends = list(accumulate(len(piece) for _, piece in self.pieces))
        begins = accumulate((len(one.wire) for one in self.frames), initial=0)
        at_ns = [
            next(at for (at, _), end in zip(self.pieces, ends, strict=True) if end >= begin + one.needed)
            for one, begin in zip(self.frames, begins, strict=False)
        ]
        return [
            event((at - BEGAN_NS) / MS, kind=one.kind, size_bytes=one.size)
            for at, one in zip(at_ns, self.frames, strict=True)
        ]


@st.composite
def cut_streams(draw: st.DrawFn) -> Stream:
    """Messages, cut into frames, fragments and pieces, in up to a few seconds."""
    frames = [one for message in draw(st.lists(cut_messages(), min_size=1, max_size=8)) for one in message]
    wire = b"".join(one.wire for one in frames)
    cuts = sorted({0, len(wire), *draw(st.lists(st.integers(0, len(wire)), max_size=8))})
    gaps_ms = draw(st.lists(st.integers(0, 400), min_size=len(cuts) - 1, max_size=len(cuts) - 1))
    at_ns = [BEGAN_NS + at_ms * MS for at_ms in accumulate(gaps_ms)]
    return Stream(frames, list(zip(at_ns, (wire[a:b] for a, b in pairwise(cuts)), strict=True)))


class Walker:
    """Walks what comes as relay/splicing/splice.py does, in virtual time; ``passed_ns`` has a time for each frame."""

    def __init__(self, stream: Stream, limits: FrameLimits, agenda: Agenda) -> None:
        self.passed_ns: list[int] = []
        self.held_bytes = self.held_since_ns = self.throttled_since_ns = 0
        self._begins = deque(accumulate((len(one.wire) for one in stream.frames[:-1]), initial=0))
        self._pieces = deque(stream.pieces)
        self._limits, self._agenda, self._lines = limits, agenda, lines_on(agenda)
        self._scanner = scanner_of(masked=True)
        self._unread = self._chunk = b""
        self._at = self._walked = 0  # in the chunk, and where that begins in the stream
        self._is_held = False

    def run(self) -> list[int]:
        """Let all pieces come; when each frame went on."""
        for at_ns, piece in self._pieces:
            self._agenda.go_to(at_ns)
            self._unread += piece
            self._read_on()
        while self._agenda.go_on():
            pass
        return self.passed_ns

    def count_if_throttled(self, now_ns: int) -> None:
        """Nothing closes on it."""

    def ask_again(self, now_ns: int) -> None:
        """Judge the held frame once more."""
        limiter = self._limits[self._scanner.kind]
        verdict = limiter.admit_waiting(now_ns, self.held_bytes, self.held_since_ns, now_ns)
        if verdict is not PASS:
            self._join(limiter.decided_by)
            return
        self._is_held = False
        self._pass(self._at)
        self._walk()
        self._agenda.plan(self._agenda.now_ns, self._read_on)

    def _read_on(self) -> None:
        if not self._is_held:
            self._chunk, self._unread = self._chunk + self._unread, b""
            self._walk()

    def _walk(self) -> None:
        while self._at < len(self._chunk) and not self._is_held:
            walked = walk(self._scanner, self._limits, self._chunk, self._at, self._agenda.now_ns)
            assert walked.violation is None
            self._pass(walked.judged)
            self._at = walked.judged
            if walked.in_mid_header:
                break
            if walked.verdict is not PASS:
                self._hold(walked.length)
        if not self._is_held:  # the rest of an incomplete header, or of a frame that has gone on
            cut = min(self._at, len(self._chunk))
            self._walked += cut
            self._chunk, self._at = self._chunk[cut:], self._at - cut

    def _hold(self, length: int) -> None:
        self._is_held = True
        limiter = self._limits[self._scanner.kind]
        self.held_bytes, self.held_since_ns = self._scanner.payload_bytes, self._agenda.now_ns
        self._at += length
        self._join(limiter.decided_by)

    def _join(self, zone: AnyZone) -> None:
        self._lines.join(zone, self, self._agenda.now_ns)

    def _pass(self, up_to: int) -> None:
        while self._begins and self._begins[0] < self._walked + up_to:
            self._begins.popleft()
            self.passed_ns.append(self._agenda.now_ns)
