"""One direction of a session: walks the frames that came, and writes the longest admitted run on, as it came.

Nothing is queued: who must wait is not read from, so TCP makes the sender wait. At most one read is held.
"""

import asyncio
from collections.abc import Callable
from time import monotonic_ns
from typing import cast

from relay.protocol.frames import FrameKind, FrameScanner, ProtocolViolation
from relay.splicing.ends import Ends, alone
from relay.splicing.waiting import Held, Stop, WaitingRoom
from relay.splicing.walk import BYTES_A_TURN, FRAMES_A_TURN, walk
from relay.telemetry.counters import TrafficCounter
from relay.throttle.limiter import FrameLimits, Limiter
from relay.throttle.verdict import PASS, Action

WRITE_HIGH_BYTES, WRITE_LOW_BYTES = 64 * 1024, 16 * 1024
MOST_SKIPPED_BYTES = 64 * 1024  # in which a Close frame is looked for: a flood has megabytes in front of its own


class Splice(asyncio.Protocol):
    """Reads one socket and writes to the other. The other one's Splice is its ``peer``."""

    # Without slots each connection takes 3 KiB more.
    _STATE = "_admit_run _asked_in_vain _counter _header _is_ending _is_unreadable _last_words _limits _passing_bytes"
    _PARTS = "_rest _room _scanner _session _silent_ns _stops _untold _write_to_peer peer throttled_since_ns transport"
    _SEEN = "ended_since_ns full_since_ns has_ended held is_lost skipped_bytes was_heard"
    __slots__ = (*_STATE.split(), *_PARTS.split(), *_SEEN.split())

    transport: asyncio.Transport
    peer: "Splice"

    def __init__(
        self,
        session: Ends["Splice"],
        scanner: FrameScanner,
        limits: FrameLimits,
        counter: TrafficCounter,
        room: WaitingRoom,
    ) -> None:
        """Walk with ``scanner``, admit by ``limits``, count in ``counter``, wait in ``room``."""
        self._session, self._scanner, self._counter, self._room = session, scanner, counter, room
        self._follow(limits)
        self._stops = Stop(0)
        self._passing_bytes = self.skipped_bytes = 0  # passing: of a frame that is on its way, still to come
        self._rest = b""  # read, and not walked yet: another's turn came first
        self.held: Held | None = None
        self._asked_in_vain = False  # its turn came while the peer was full
        self._silent_ns = 0  # since when no zone holds it back, after one did
        self.throttled_since_ns = self.full_since_ns = 0  # full: over its high-water mark, read too slowly
        self.was_heard = False  # since somebody last looked
        self._is_ending = self._is_unreadable = False  # unreadable: no Close frame is looked for
        self._last_words = self._header = b""  # the header is an incomplete one
        self._write_to_peer: Callable[[bytes], None] = self._write_nowhere
        self.has_ended = self.is_lost = False  # ended: all that the endpoint sends was read
        self.ended_since_ns = 0  # it was first seen that the endpoint sends no more, read or not
        self._untold: Callable[[Splice], None] | None = None  # what the session hears when nothing waits any more

    @property
    def is_at_boundary(self) -> bool:
        """Tell whether all frames that were begun towards the peer were written whole."""
        return not self._passing_bytes

    @property
    def is_read(self) -> bool:
        """Tell whether its endpoint can be heard."""
        return not self._stops and not self.has_ended

    @property
    def holds_any(self) -> bool:
        """Tell whether something was taken from the endpoint that has not gone on."""
        return self.held is not None or bool(self._rest)

    @property
    def closed_by_endpoint(self) -> bool:
        """Tell whether this side's endpoint has sent its Close frame."""
        return self._scanner.close_was_read

    def join(self, peer: "Splice") -> None:
        """Write to ``peer``'s socket from now on; it has one."""
        self._write_to_peer = peer.transport.write

    def part(self) -> None:
        """Write nothing more to the peer's socket: it is gone, or was told the end."""
        self._write_to_peer, self._last_words = self._write_nowhere, b""
        if not self._is_ending:
            self.stop(Stop.PEER_FULL)  # until the session says how it ends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Own ``transport`` from now on."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES, low=WRITE_LOW_BYTES)

    @alone
    def connection_lost(self, error: Exception | None) -> None:
        """Drop what waits, unless the endpoint ended in order, and tell the session."""
        if self.is_lost:
            return
        self.is_lost = True
        self.peer.part()
        if error is not None and not isinstance(error, OSError):
            raise error  # it left data_received: the loop has closed the socket over it
        if error is not None or not self.has_ended:
            self._drop()
        self._tell_if_over(self._session.side_lost)

    def eof_received(self) -> bool:
        """Keep the socket for answers: who sends no more may still wait for them. With TLS there is no such way."""
        self.has_ended = True
        self.ended_since_ns = self.ended_since_ns or monotonic_ns()
        if self._is_ending or not self.transport.can_write_eof():
            return False
        self._tell_if_over(self._session.side_ended)
        return True

    def vanish(self) -> None:
        """Take the endpoint for gone: drop what it left, and its socket."""
        self._drop()
        self.transport.abort()
        self._tell_if_over()

    def cut(self) -> None:
        """End at once: nothing is told, and nothing that is called from here on does anything."""
        self.is_lost, self._is_ending, self._untold = True, True, None
        if hasattr(self, "transport"):
            self.transport.abort()  # first: what follows may be what is broken
        self.part()
        self._drop()

    def fail(self, error: Exception) -> None:
        """Give the session up: this side can't be trusted any more."""
        self._session.side_failed(error)

    @alone
    def pause_writing(self) -> None:
        """Read no more from the peer: this side's socket is over its high-water mark."""
        self.full_since_ns = monotonic_ns()
        self.peer.stop(Stop.PEER_FULL)

    @alone
    def resume_writing(self) -> None:
        """Read from the peer again: this side's socket is under its low-water mark."""
        self.full_since_ns = 0
        self.peer.go_on(Stop.PEER_FULL)

    def data_received(self, data: bytes) -> None:
        """Pass on what is admitted of ``data``, nearly always all of it at once, and keep the rest until it is."""
        passing_bytes, size = self._passing_bytes, len(data)
        self.was_heard = True
        if passing_bytes >= size:
            self._write(data, 0, passing_bytes)
            if self.throttled_since_ns and not self._passing_bytes:
                self._look_for_break()
            return
        if self._header or self._is_ending:
            self._receive_carefully(data, passing_bytes)
            return
        messages, end = self._scanner.read_run(data, passing_bytes, FRAMES_A_TURN)
        admit_run = self._admit_run
        if end >= size and (admit_run is None or admit_run(monotonic_ns(), messages)):
            counter = self._counter
            counter.messages += messages
            counter.bytes += size
            self._passing_bytes = end - size
            self.throttled_since_ns = 0
            if messages > 1:
                self._room.gathering.read_several()
            self._write_to_peer(data)
            if size > BYTES_A_TURN:
                self._keep(data, size, in_mid_header=False)
        elif self._walk(data, 0, passing_bytes, monotonic_ns()):
            self.throttled_since_ns = 0

    @property
    def held_bytes(self) -> int:
        """The size of the held frame."""
        return self.held.payload_bytes if self.held is not None else 0

    @property
    def held_since_ns(self) -> int:
        """When the held frame was first judged."""
        return self.held.arrived_ns if self.held is not None else 0

    def ask_again(self, now_ns: int) -> None:
        """Judge the held frame once more: it is first in its line."""
        if (held := self.held) is None:
            return
        held.zone = None
        if self._stops & Stop.PEER_FULL:
            self._asked_in_vain, self._silent_ns = True, now_ns
            return
        limiter = self._limits[held.kind]
        since_ns = self.throttled_since_ns or now_ns
        verdict = limiter.admit_waiting(now_ns, held.payload_bytes, held.arrived_ns, since_ns)
        if verdict.action is Action.CLOSE:
            self._session.throttle_by(limiter.decided_by).close(now_ns)
            self._session.side_exceeded(verdict)
        elif verdict is not PASS:
            self._join_line(held, limiter)
        else:
            self._release(held, now_ns)

    @alone
    def adopt(self, limits: FrameLimits) -> None:
        """Go on under another version of the policy; a held frame is judged by it at once."""
        self._follow(limits)
        if self.held is not None:
            self._leave_line()
            self.ask_again(monotonic_ns())

    def stop(self, reason: Stop) -> None:
        """Read no more, for one more reason."""
        if not self._stops and not self.transport.is_closing():
            self.transport.pause_reading()
        self._stops |= reason

    @alone
    def go_on(self, reason: Stop) -> None:
        """Take back one reason not to read, and read again when it was the last."""
        self._stops &= ~reason
        if self._asked_in_vain and not self._stops & Stop.PEER_FULL:
            self._asked_in_vain = False
            now_ns = monotonic_ns()
            if self.throttled_since_ns:
                self.throttled_since_ns += now_ns - self._silent_ns  # since its turn came no zone was to blame
            self.ask_again(now_ns)
        if not self._stops and self._rest:
            rest, self._rest = self._rest, b""
            self._walk(rest, 0, 0, monotonic_ns())
        self._read_on()

    def end_with(self, last_words: bytes) -> None:
        """Write nothing more to the peer but ``last_words``, a Close frame, as soon as the frame under way ends.

        What comes after that frame is read on only to find the endpoint's own Close frame: a socket closed over
        unread bytes is reset, and its endpoint would never see ours.
        """
        held, rest = self.held, self._rest
        self._drop()
        self._is_ending = True
        self._last_words = b"" if self.peer.is_lost or self.closed_by_endpoint else last_words  # RFC 6455, 5.5.1
        self._say_last_words()
        if self._is_unreadable:
            self._session.side_unreadable(self)
        elif held is not None:
            self._skip(held.chunk, held.at + held.length)
        elif rest:
            self._skip(rest, 0)
        self._stops = Stop(0)
        self._read_on()

    def _receive_carefully(self, data: bytes, passing_bytes: int) -> None:
        """Receive what goes on with a header that was incomplete, or what comes while this side ends."""
        if self._header:
            data, self._header = self._header + data, b""
        if self._is_ending:
            self._skip(data, passing_bytes)
        elif self._walk(data, 0, passing_bytes, monotonic_ns()):
            self.throttled_since_ns = 0

    def _walk(self, chunk: bytes, written: int, judged: int, now_ns: int) -> bool:
        """Judge the frames from ``chunk[judged]`` on and write all that was admitted; false where one must wait."""
        walked = walk(self._scanner, self._limits, chunk, judged, now_ns)
        self._counter.messages += walked.messages
        self._counter.control_frames += walked.control_frames
        self._write(chunk, written, walked.judged)
        if walked.judged >= len(chunk) or self._scanner.close_was_read:
            return True  # what comes behind a Close frame is not read any more (RFC 6455, section 1.4)
        if walked.violation is not None:
            self._is_unreadable = True
            self._session.side_violated(self, walked.violation)
        elif walked.verdict is not PASS:
            self._hold(chunk, walked.judged, walked.length, now_ns)
        else:
            self._keep(chunk, walked.judged, in_mid_header=walked.in_mid_header)
        return walked.verdict is PASS

    def _write(self, chunk: bytes, written: int, judged: int) -> None:
        """Write ``chunk[written:judged]``; a frame may end beyond the chunk."""
        size = len(chunk)
        self._passing_bytes = judged - size if judged > size else 0
        run = chunk if judged >= size and not written else chunk[written:judged]
        if run and not (self._is_ending and not self._last_words):
            self._counter.bytes += len(run)
            self._write_to_peer(run)
        self._say_last_words()

    def _write_nowhere(self, run: bytes) -> None:
        self._counter.bytes -= len(run)  # it was counted as relayed
        self._counter.dropped_bytes += len(run)

    def _say_last_words(self) -> None:
        if self._last_words and not self._passing_bytes:
            last_words, self._last_words = self._last_words, b""
            self._write_to_peer(last_words)

    def _skip(self, chunk: bytes, at: int) -> None:
        """Pass over frames from ``chunk[at]`` on without writing them, up to the endpoint's Close frame."""
        if self._last_words:
            self._write(chunk, 0, at)
        self.skipped_bytes += len(chunk)
        if self.skipped_bytes > MOST_SKIPPED_BYTES and not self._last_words:
            self._is_unreadable = True
        try:
            at = len(chunk) if self._is_unreadable else self._scanner.skip(chunk, at)
        except ProtocolViolation:
            self._is_unreadable, at = True, len(chunk)
        self._header = chunk[at:]
        self._passing_bytes = max(0, at - len(chunk))
        if self._is_unreadable:
            self._session.side_unreadable(self)
        elif self._scanner.close_was_read:
            self._session.side_answered(self)

    def _keep(self, chunk: bytes, judged: int, *, in_mid_header: bool) -> None:
        if in_mid_header:
            self._header = chunk[judged:]
            return
        self._rest = chunk[judged:]
        self.stop(Stop.TURN)
        self._room.take_turn(self)

    def _hold(self, chunk: bytes, at: int, length: int, now_ns: int) -> None:
        scanner = self._scanner
        if self.is_lost and not self.has_ended:
            self._counter.dropped_bytes += len(chunk) - at  # nothing waits for one who is gone
            return
        self.held = Held(chunk, at, length, scanner.kind, scanner.payload_bytes, now_ns)
        self.stop(Stop.THROTTLED)
        self._join_line(self.held, self._limits[scanner.kind])

    def _release(self, held: Held, now_ns: int) -> None:
        self._forget_held()
        if held.kind is FrameKind.MESSAGE:
            self._counter.passed_after(now_ns - held.arrived_ns, was_throttled=held.throttle is not None)
        self._stops &= ~Stop.THROTTLED
        self.was_heard = True
        self._walk(held.chunk, held.at, held.at + held.length, now_ns)
        self._read_on()

    def _follow(self, limits: FrameLimits) -> None:
        self._limits = limits
        self._admit_run = limits.messages.admit_run if limits.messages.zones else None

    def _read_on(self) -> None:
        if self.is_read and not self.transport.is_closing():
            self.transport.resume_reading()
            if self.throttled_since_ns:
                self._look_for_break()
        self._tell_if_over()

    def _look_for_break(self) -> None:
        """All that waited has gone on: the wait has a break if nothing comes for a while, although it is read."""
        self._silent_ns = silent_ns = monotonic_ns()
        self._room.after_break(lambda: self._end_wait(silent_ns))

    def _end_wait(self, silent_ns: int) -> None:
        if self._silent_ns == silent_ns and self.is_read and not self._passing_bytes:
            self.throttled_since_ns = 0

    def _tell_if_over(self, news: Callable[["Splice"], None] | None = None) -> None:
        self._untold = news or self._untold
        if self._untold is not None and not self.holds_any:
            tell, self._untold = self._untold, None
            tell(self)

    def _drop(self) -> None:
        """Give up what was taken from the endpoint and has not gone on."""
        self._counter.dropped_bytes += len(self._rest if self.held is None else self.held.chunk[self.held.at :])
        self._rest = b""
        self._forget_held()

    def count_if_throttled(self, now_ns: int) -> None:
        """Count the held message from now on if it waits for its zone's rate."""
        held = self.held
        if held is None or held.zone is None or not held.zone.holds_back(now_ns):
            return
        self.throttled_since_ns = self.throttled_since_ns or held.arrived_ns
        if held.throttle is None:
            held.throttle = self._session.throttle_by(held.zone)
            held.throttle.hold(held.arrived_ns)
            self._counter.waiting += 1

    def _join_line(self, held: Held, limiter: Limiter) -> None:
        held.zone = limiter.decided_by
        self._room.join(held.zone, self)

    def _leave_line(self) -> None:
        if self.held is not None and self.held.zone is not None:
            self._room.leave(self.held.zone, self)
            self.held.zone = None

    def _forget_held(self) -> None:
        self._leave_line()
        held, self.held = self.held, None
        if held is not None and held.throttle is not None:
            held.throttle.let_go(held.arrived_ns, monotonic_ns())
            self._counter.waiting -= 1
