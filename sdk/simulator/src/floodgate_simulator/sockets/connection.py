"""One open socket of a platform: reads messages, counts them, answers them, suffers faults, closes."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from websockets.exceptions import ProtocolError
from websockets.extensions import Extension
from websockets.frames import Close

from floodgate_simulator.access.tokens import Token
from floodgate_simulator.answers.platforms import ANSWERS
from floodgate_simulator.clock import unix_now
from floodgate_simulator.faults.fault import ABORT, NO_CODE, Fault
from floodgate_simulator.faults.schedule import FaultSchedule
from floodgate_simulator.ledger.ledger import Ledger
from floodgate_simulator.ledger.rows import ConnectionRow
from floodgate_simulator.limits import SECOND_NS, RateLimit
from floodgate_simulator.settings import OverLimit
from floodgate_simulator.sockets import frames
from floodgate_simulator.sockets.messages import Message, MessageReader, message_frame
from floodgate_simulator.sockets.modes import Mode, answer_to
from floodgate_simulator.sockets.pushing import Pusher, PushPlan

CLOSE_SECONDS = 2.0  # how long a client may take to answer a close
_SHUT_WITH_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a handshake agreed upon."""

    token: Token
    channel: str
    mode: Mode
    deflate: Extension | None
    limit: RateLimit | None
    over_limit: OverLimit
    retry_after_seconds: int
    max_message_bytes: int
    push_plan: PushPlan


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connection uses of the simulator around it."""

    ledger: Ledger
    faults: FaultSchedule
    revoke: Callable[[Fault], None]
    gone: Callable[["Connection"], None]


class Connection(asyncio.Protocol):
    """The protocol of a transport whose handshake is done; ``ended`` is done when the transport is gone."""

    def __init__(self, terms: Terms, row: ConnectionRow, surroundings: Surroundings, opener: asyncio.Protocol) -> None:
        """Take the terms, the row to count in, and the protocol that made the handshake, to be told of the end."""
        self.terms = terms
        self.row = row
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ledger = surroundings.ledger
        self._faults = surroundings.faults
        self._surroundings = surroundings
        self._opener = opener
        self._frames = frames.FrameReader(terms.max_message_bytes)
        self._messages = MessageReader(terms.deflate, terms.max_message_bytes)
        self._pusher = Pusher(self._send, self._flush)
        self._outgoing: list[bytes] = []
        self.reasons_not_to_read: set[str] = set()
        self._read_pause_seconds: float | None = None
        self._close_code_received: int | None = None
        self._is_open = True
        self._at = 0.0

    @property
    def client_id(self) -> str:
        """Whose connection it is."""
        return self.terms.token.credential.client_id

    @property
    def own_socket(self) -> socket.socket:
        """The socket under the transport, to be asked and to be set, never to be read."""
        return cast(socket.socket, self._transport.get_extra_info("socket"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, on a transport that has sent its 101."""
        self._transport = cast(asyncio.Transport, transport)
        if self.terms.mode == "push":
            self.push(self.terms.push_plan)

    def data_received(self, data: bytes) -> None:
        """Take what the client sent, in order, and write all answers at once."""
        self._at = unix_now()
        for first_byte, payload in self._frames.feed(data):
            self._take_frame(first_byte, payload)
        if self._frames.violation is not None:
            self._fail(self._frames.violation)
        self._flush()
        if self._read_pause_seconds is not None:
            self.hold_reading("slow read")
            asyncio.get_running_loop().call_later(self._read_pause_seconds, self.resume_reading, "slow read")

    def pause_writing(self) -> None:
        """Stop reading and pushing, because the client does not read: no queue of answers grows."""
        self.hold_reading("client does not read")
        self._pusher.stop()

    def resume_writing(self) -> None:
        """Go on."""
        self.resume_reading("client does not read")
        if self._is_open:
            self._pusher.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who must know."""
        self._is_open = False
        self._pusher.stop()
        code = ABORT if self._close_code_received is None else self._close_code_received
        self._ledger.connection_closed(self.row, code, unix_now())
        self._surroundings.gone(self)
        if not self.ended.done():
            self.ended.set_result(None)
        self._opener.connection_lost(exc)

    def close(self, code: int, reason: str = "") -> None:
        """Begin to close; code 1006 resets the TCP connection, 1005 sends a close frame without a code."""
        if code == ABORT:
            self.reset()
        elif self._is_open:
            self._is_open = False
            self._pusher.stop()
            payload = b"" if code == NO_CODE else code.to_bytes(2) + reason.encode()
            self._write_frame(frames.server_frame(frames.FIN | frames.CLOSE, payload))
            self._flush()
            # The answer to the close must be read, whatever else keeps us from reading.
            self.reasons_not_to_read.clear()
            self._read_pause_seconds = None
            if not self._transport.is_closing():
                self._transport.resume_reading()
            self._abort_later()

    def reset(self) -> None:
        """End the TCP connection with RST: no close frame, nothing more is sent."""
        self._is_open = False
        self._outgoing.clear()
        self.own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _SHUT_WITH_RESET)
        self._transport.abort()

    def push(self, plan: PushPlan) -> None:
        """Send numbered messages by this plan from now on."""
        if self._is_open:
            self._pusher.follow(plan)

    def slow_down(self, fault: Fault | None) -> None:
        """Read as this slow_read fault says: a pause after each read, or not at all; None: read normally."""
        self._read_pause_seconds = None if fault is None else fault.seconds
        if fault is not None and fault.seconds is None and self._is_open:
            self.hold_reading("no reading")
        else:
            self.resume_reading("no reading")

    def hold_reading(self, reason: str) -> None:
        """Stop reading for one more reason."""
        self.reasons_not_to_read.add(reason)
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self, reason: str) -> None:
        """Read again, if this was the last reason not to."""
        if reason in self.reasons_not_to_read:
            self.reasons_not_to_read.remove(reason)
            if not self.reasons_not_to_read and not self._transport.is_closing():
                self._transport.resume_reading()

    def _take_frame(self, first_byte: int, payload: bytes) -> None:
        if self._close_code_received is not None or self._transport.is_closing():
            return
        opcode = first_byte & frames.OPCODE
        try:
            if opcode <= frames.BINARY and not first_byte & frames.RESERVED_BITS:
                message = self._messages.add(first_byte, payload)
                if message is not None:
                    self._take_message(message)
            else:
                self._take_control_frame(first_byte, payload)
        except frames.Violation as violation:
            self._frames.violation = violation

    def _take_message(self, message: Message) -> None:
        self._ledger.message_received(self.row, message.payload, self._at, is_text=message.is_text)
        if not self._is_open or (self._faults.concerns_messages and self._meet_fault(message)):
            return
        if self.terms.limit is not None and self._is_over_limit(self.terms.limit, message):
            return
        answer = answer_to(message, self.terms.mode)
        if answer is not None:
            self._send(answer)

    def _meet_fault(self, message: Message) -> bool:
        """Suffer what was ordered for this message; whether it goes unanswered."""
        fault = self._faults.strike("message", self.client_id, self._at)
        if fault is None:
            return False
        if fault.kind == "close":
            self.close(fault.code, fault.close_reason)
        elif fault.kind == "revoke":
            self._surroundings.revoke(fault)
        elif fault.kind == "status":
            self._send(Message(self._error_text(fault, message), is_text=True))
        return fault.kind != "revoke" or not self._is_open

    def _error_text(self, fault: Fault, message: Message) -> bytes:
        if fault.body is not None:
            return fault.body_bytes
        answers = ANSWERS[self.terms.token.credential.platform]
        return answers.too_many_in_band(message.payload, self.terms.retry_after_seconds)

    def _is_over_limit(self, limit: RateLimit, message: Message) -> bool:
        wait_ns = limit.admit(time.monotonic_ns())
        if not wait_ns:
            return False
        self._ledger.message_over_limit(self.row)
        if self.terms.over_limit == "close":
            self.close(1008, "rate limit exceeded")
        else:
            answers = ANSWERS[self.terms.token.credential.platform]
            wait_seconds = max(self.terms.retry_after_seconds, -(-wait_ns // SECOND_NS))
            self._send(Message(answers.too_many_in_band(message.payload, wait_seconds), is_text=True))
        return True

    def _take_control_frame(self, first_byte: int, payload: bytes) -> None:
        is_whole = first_byte & 0xF0 == frames.FIN and len(payload) <= frames.LONGEST_CONTROL_BYTES
        opcode = first_byte & frames.OPCODE
        if not is_whole or opcode not in (frames.CLOSE, frames.PING, frames.PONG):
            raise frames.Violation(1002, "reserved bits or opcode, or a fragmented or long control frame")
        if opcode == frames.PING:
            self._write_frame(frames.server_frame(frames.FIN | frames.PONG, payload))
        elif opcode == frames.CLOSE:
            self._take_close(payload)

    def _take_close(self, payload: bytes) -> None:
        try:
            code = int(Close.parse(payload).code)
        except (ProtocolError, UnicodeDecodeError) as problem:
            raise frames.Violation(1002, str(problem)[:100]) from None
        if self._is_silenced():
            return
        self._close_code_received = code
        self._pusher.stop()
        if self._is_open:
            self._is_open = False
            self._write_frame(frames.server_frame(frames.FIN | frames.CLOSE, payload))
        self._flush()
        self._transport.close()
        self._abort_later()

    def _fail(self, violation: frames.Violation) -> None:
        """Close because the client broke the protocol; what it still sends is not looked at."""
        self.close(violation.code, violation.reason)
        self._transport.close()

    def _is_silenced(self) -> bool:
        """Whether a hang on messages keeps this socket from saying anything."""
        return self._faults.concerns_messages and bool(self._faults.holding("hang", self.client_id, unix_now()))

    def _send(self, message: Message) -> None:
        if self._is_open and not self._is_silenced():
            self._outgoing.append(message_frame(message, self.terms.deflate))

    def _write_frame(self, frame: bytes) -> None:
        if not self._is_silenced():
            self._outgoing.append(frame)

    def _flush(self) -> None:
        if self._outgoing:
            outgoing = b"".join(self._outgoing)
            self._outgoing.clear()
            self._transport.write(outgoing)

    def _abort_later(self) -> None:
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._transport.abort)
