"""One open socket of a platform: reads messages, counts them, answers them, suffers faults, closes."""

import asyncio
import socket
from typing import cast

from websockets.exceptions import ProtocolError
from websockets.frames import Close

from floodgate_simulator.clock import unix_now
from floodgate_simulator.faults.fault import ABORT, NO_CODE, Fault
from floodgate_simulator.ledger.rows import ConnectionRow
from floodgate_simulator.sockets import frames
from floodgate_simulator.sockets.messages import Message, MessageReader, message_frame
from floodgate_simulator.sockets.modes import answer_to
from floodgate_simulator.sockets.pushing import Pusher, PushPlan
from floodgate_simulator.sockets.reading import CLIENT_DOES_NOT_READ, NO_READING, Reading
from floodgate_simulator.sockets.refusals import ordered_error, too_many, wait_seconds
from floodgate_simulator.sockets.resets import reset, socket_of
from floodgate_simulator.sockets.terms import Surroundings, Terms

CLOSE_SECONDS = 2.0  # how long a client may take to answer a close


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
        return socket_of(self._transport)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, on a transport that has sent its 101."""
        self._transport = cast(asyncio.Transport, transport)
        self.reading = Reading(self._transport)
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
        self.reading.pause_after_read()

    def pause_writing(self) -> None:
        """Stop reading and pushing, because the client does not read: no queue of answers grows."""
        self.reading.hold(CLIENT_DOES_NOT_READ)
        self._pusher.stop()

    def resume_writing(self) -> None:
        """Go on."""
        self.reading.resume(CLIENT_DOES_NOT_READ)
        if self._is_open:
            self._pusher.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who must know."""
        self._is_open = False
        self._pusher.stop()
        code = ABORT if self._close_code_received is None else self._close_code_received
        self._ledger.connection_closed(self.row, code, unix_now())
        self._surroundings.gone(self.row.connection)
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
            self.reading.resume_for_good()
            self._abort_later()

    def reset(self) -> None:
        """End the TCP connection with RST: no close frame, nothing more is sent."""
        self._is_open = False
        self._outgoing.clear()
        reset(self._transport)

    def push(self, plan: PushPlan) -> None:
        """Send numbered messages by this plan from now on."""
        if self._is_open:
            self._pusher.follow(plan)

    def slow_down(self, fault: Fault | None) -> None:
        """Read as this slow_read fault says: a pause after each read, or not at all; None: read normally."""
        self.reading.pause_seconds = None if fault is None else fault.seconds
        if fault is not None and fault.seconds is None and self._is_open:
            self.reading.hold(NO_READING)
        else:
            self.reading.resume(NO_READING)

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
        if self.terms.limit is not None and self._is_over_limit(message):
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
            self._send(ordered_error(self.terms, fault, message))
        return fault.kind != "revoke" or not self._is_open

    def _is_over_limit(self, message: Message) -> bool:
        """Charge a message to the limit; whether it was over it, and was refused."""
        seconds = wait_seconds(self.terms)
        if not seconds:
            return False
        self._ledger.message_over_limit(self.row)
        if self.terms.over_limit == "close":
            self.close(1008, "rate limit exceeded")
        else:
            self._send(too_many(self.terms, message, seconds))
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
