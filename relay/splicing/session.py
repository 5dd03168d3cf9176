"""One connection and its link, from accept to close: two splices, and who tells whom when one side ends."""

import asyncio
import time
from dataclasses import dataclass, field

from relay.protocol.close_codes import CloseCode, close_frame, close_reason
from relay.protocol.frames import FrameScanner, ProtocolViolation
from relay.splicing.bounds import Bounds
from relay.splicing.splice import Splice
from relay.splicing.waiting import Stop, WaitingRoom
from relay.telemetry.counters import NS_PER_MS, Counters, Flow, ThrottleCounter, ThrottleKey
from relay.telemetry.defects import contained, note_defect
from relay.throttle.limiter import AnyZone, SessionLimits
from relay.throttle.policy import SECOND_NS
from relay.throttle.verdict import Verdict
from relay.upstream.faults import Phase
from relay.upstream.link import Link
from relay.upstream.liveness import Presence, presence_of

LINGER_SECONDS = 2.0  # how long a closed client may take to read its Close frame
MOST_LINGER_BYTES = 16 * 1024 * 1024  # that are read of a closed endpoint: more than kernels hold of what it had sent
LINGER_QUIET_SECONDS = 0.1  # nothing came from an endpoint that broke the protocol or flooded: it has sent all
CLOSE_ANSWER_SECONDS = 10  # how long an endpoint may take to answer the other's Close frame
FLUSH_SECONDS = 30  # how long what an endpoint left behind may take, and how long one that sends no more is answered
ANSWER_SECONDS = 2  # without an answer to an endpoint that sends no more, and the other is told that it has ended
LEFT_OVER_SECONDS = 3  # a session without a socket that nothing ends any more is ended by the inspection
GOING_AWAY = 1001


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions of one process share."""

    counters: Counters
    bounds: Bounds
    room: WaitingRoom = field(default_factory=lambda: WaitingRoom(asyncio.get_running_loop()))


class Session:
    """Splices a client's socket and its link together, and closes both with a reason."""

    def __init__(self, link: Link, limits: SessionLimits, flow: Flow, around: Surroundings) -> None:
        """Make both sides; nothing flows until ``begin``. ``flow`` names the counters, less the direction."""
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._flow = flow
        self._bounds = around.bounds
        self._counters = counters = around.counters
        self._quiet_since_ns = 0
        self._close_seen_ns = 0
        self._gone_since_ns = 0
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._sides_left = 2
        self._is_closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._quiet_timers: dict[Splice, asyncio.TimerHandle] = {}
        self.client = Splice(
            self,
            self._scanner(masked=True),
            limits.to_platform,
            counters.flow(flow._replace(direction="to_platform")),
            around.room,
        )
        self.platform = Splice(
            self,
            self._scanner(masked=False),
            limits.to_client,
            counters.flow(flow._replace(direction="to_client")),
            around.room,
        )
        self.client.peer, self.platform.peer = self.platform, self.client

    def begin(self) -> None:
        """Join the link, once the client's socket has been taken over."""
        self.platform.connection_made(self._link.transport)
        self._link.transport.set_protocol(self.platform)
        self.client.join(self.platform)
        self.platform.join(self.client)
        self._link.hand_over(self.platform)
        self.platform.go_on(Stop.NOT_YET)
        self.client.go_on(Stop.NOT_YET)
        for side in self._sides:
            if side.transport.is_closing():  # it was lost before it had this protocol, which would never hear of it
                self._loop.call_soon(side.connection_lost, None)

    async def ended(self) -> None:
        """Wait until both sockets are gone."""
        await self._ended

    def tear_down(self) -> None:
        """End at once, each step whatever becomes of the others."""
        self._is_closing = True
        if not self._ended.done():
            self._ended.set_result(None)
        for timer in (self._timer, *self._quiet_timers.values()):
            if timer is not None:
                timer.cancel()
        for side in self._sides:
            with contained("session"):
                side.cut()

    def failing_alone(self, where: str) -> contained:
        """A block for those who call one session after the other: what fails in it is a defect, and ends this one."""
        return contained(where, self.tear_down)

    def adopt(self, limits: SessionLimits) -> None:
        """Go on under another version of the policies."""
        self.client.adopt(limits.to_platform)
        self.platform.adopt(limits.to_client)

    def inspect(self) -> None:
        """End what takes too long: who is gone, does not read, does not answer or, where that is limited, is silent."""
        client, platform, now_ns = self.client, self.platform, time.monotonic_ns()
        if not client.is_read:
            self._ask_after(client, now_ns)
        if not platform.is_read:
            self._ask_after(platform, now_ns)
        if (client.transport.is_closing() or platform.transport.is_closing()) and self._is_left_over(now_ns):
            note_defect("sweep")
            self.tear_down()
        elif client.closed_by_endpoint or platform.closed_by_endpoint:
            self._wait_for_close(now_ns)
        elif not self._is_closing:
            self._close_if_slow(now_ns)

    @property
    def buffered_bytes(self) -> int:
        """What was taken from one side and has not gone to the other."""
        return sum(side.transport.get_write_buffer_size() for side in (self.client, self.platform))

    def close(self, code: CloseCode, reason: str) -> None:
        """End the connection: the client is told ``code`` and ``reason``, the platform that its client goes away."""
        if self._is_closing or self._ended.done():
            return
        self._end(code, reason, GOING_AWAY, reason)

    def throttle_by(self, zone: AnyZone) -> ThrottleCounter:
        """Where to count what ``zone`` does to this connection."""
        flow = self._flow
        return self._counters.throttle(ThrottleKey(flow.tenant_id, flow.client_id, flow.channel_id, zone.source))

    def side_violated(self, side: Splice, violation: ProtocolViolation) -> None:
        """Close on whoever broke the protocol with its own code, and tell the other side."""
        if side is self.client:
            self.close(violation.code, violation.reason)
        elif not self._is_closing:
            self._counters.platform_faults.protocol_errors[Phase.SESSION] += 1
            reason = close_reason("platform_protocol_error", cause=violation.reason.partition(";")[0])
            self._end(CloseCode.PLATFORM_LOST, reason, violation.code, violation.reason)

    def side_exceeded(self, verdict: Verdict) -> None:
        """Close a connection that has waited for longer than its policy lets it."""
        retry_after_ms = max(1, verdict.wait_ns // NS_PER_MS)
        self.close(
            CloseCode.RATE_LIMITED, close_reason("rate_limited", zone=verdict.zone, retry_after_ms=retry_after_ms)
        )

    def side_answered(self, side: Splice) -> None:
        """Close a socket on which both Close frames have gone."""
        side.transport.close()

    def side_unreadable(self, side: Splice) -> None:
        """Close a socket once nothing has come for a while: closed over unread bytes, it would be reset."""
        if side.skipped_bytes > MOST_LINGER_BYTES:
            side.transport.abort()
        if side in self._quiet_timers:
            self._quiet_timers[side].cancel()
        if not self._ended.done():
            self._quiet_timers[side] = self._loop.call_later(LINGER_QUIET_SECONDS, side.transport.close)

    def side_failed(self, error: Exception) -> None:
        """End at once, and nobody else."""
        note_defect("session", error)
        self.tear_down()

    def side_ended(self, side: Splice) -> None:
        """Have the other side answer: ``inspect`` passes the end on when it is silent."""
        self._quiet_since_ns = time.monotonic_ns()
        self._other(side).was_heard = False
        if self._is_answered:
            self._close_both()

    def side_lost(self, side: Splice) -> None:
        """End the other side in the way that its endpoint can understand."""
        self._sides_left -= 1
        if not self._sides_left:
            self.tear_down()  # of which only the timers are left
        elif side is self.client:
            self._lose_client()
        else:
            self._lose_platform()

    def _lose_client(self) -> None:
        self._is_closing = True
        transport = self.platform.transport
        self._end_in(FLUSH_SECONDS if transport.get_write_buffer_size() else LINGER_SECONDS)
        self.platform.end_with(b"")  # nobody is left to read what waits
        transport.close()  # writes what is buffered first

    def _lose_platform(self) -> None:
        """Tell the client that its platform is gone, unless the platform said so itself."""
        client, platform = self.client, self.platform
        if client.has_ended and self._is_closing:
            self._close_both()  # the platform was told the client's end
        elif platform.closed_by_endpoint and (client.closed_by_endpoint or client.has_ended):
            self._close_both()
        elif platform.closed_by_endpoint:
            self._is_closing = True
            self._end_in(LINGER_SECONDS)
            client.end_with(b"")  # the platform is gone: wait for the client's Close frame only
        elif not platform.is_at_boundary:
            self.tear_down()  # half a frame was passed on: a Close frame would be read as its rest
        else:
            self.close(CloseCode.PLATFORM_LOST, close_reason("platform_lost"))

    def _ask_after(self, side: Splice, now_ns: int) -> None:
        """See whether an endpoint is gone of which the event loop hears nothing, since it is not read from."""
        if not side.transport.is_closing():
            presence = presence_of(side.transport)
            if presence is Presence.GONE:
                side.vanish()
            elif presence is Presence.SENDS_NO_MORE:
                side.ended_since_ns = side.ended_since_ns or now_ns
        if _lasts(side.ended_since_ns, now_ns, FLUSH_SECONDS) and not self._is_closing:
            if side.holds_any or not side.has_ended:
                side.vanish()
            else:
                self._pass_on_end(side)

    def _wait_for_close(self, now_ns: int) -> None:
        self._close_seen_ns = self._close_seen_ns or now_ns
        if _lasts(self._close_seen_ns, now_ns, CLOSE_ANSWER_SECONDS):
            self._give_up()  # whoever was told has had its time to answer
        elif self._is_answered and not self._is_closing:
            self._close_both()

    def _close_if_slow(self, now_ns: int) -> None:
        bounds, client = self._bounds, self.client
        if _lasts(client.full_since_ns, now_ns, bounds.slow_reader_seconds):
            self.close(CloseCode.SLOW_READER, close_reason("slow_reader", seconds=bounds.slow_reader_seconds))
        elif _lasts(self.platform.full_since_ns, now_ns, bounds.slow_reader_seconds):
            self.close(CloseCode.PLATFORM_LOST, close_reason("platform_slow", seconds=bounds.slow_reader_seconds))
        elif client.has_ended or self.platform.has_ended:
            self._wait_for_answer(client if client.has_ended else self.platform, now_ns)
        elif client.was_heard or not client.is_read or not self._quiet_since_ns:
            client.was_heard = False
            self._quiet_since_ns = now_ns
        elif bounds.idle_seconds and _lasts(self._quiet_since_ns, now_ns, bounds.idle_seconds):
            self.close(CloseCode.IDLE, close_reason("idle", seconds=bounds.idle_seconds))

    def _wait_for_answer(self, ended: Splice, now_ns: int) -> None:
        other = self._other(ended)
        if other.was_heard or ended.full_since_ns or ended.holds_any:
            other.was_heard = False
            self._quiet_since_ns = now_ns
        elif _lasts(self._quiet_since_ns, now_ns, ANSWER_SECONDS):
            self._pass_on_end(ended)

    def _pass_on_end(self, ended: Splice) -> None:
        """Tell the other side that ``ended``'s endpoint sends no more: it has had its time to answer."""
        if self._is_closing:
            return
        if ended is self.platform:
            self._lose_platform()
            return
        if self.platform.holds_any:
            self.client.vanish()  # what it waits for is held back for longer than anybody waits
            return
        self._is_closing = True
        self._end_in(LINGER_SECONDS)
        self.client.part()
        transport = self.platform.transport
        if transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()
        else:
            transport.close()

    @property
    def _is_answered(self) -> bool:
        """Tell whether nothing is left to be said: both sides have ended, or one has and both sent Close frames."""
        ended = sum(side.has_ended for side in self._sides)
        return ended == len(self._sides) or (ended > 0 and all(side.closed_by_endpoint for side in self._sides))

    def _close_both(self) -> None:
        self._is_closing = True
        self._end_in(LINGER_SECONDS)
        for side in self._sides:
            side.transport.close()

    def _is_left_over(self, now_ns: int) -> bool:
        """Tell whether a socket has been gone for a while and no event is to come that would end the session."""
        if self._timer is not None:
            return False
        self._gone_since_ns = self._gone_since_ns or now_ns
        waits = any(side.ended_since_ns for side in self._sides)
        return _lasts(self._gone_since_ns, now_ns, LEFT_OVER_SECONDS + (FLUSH_SECONDS if waits else 0))

    def _end(self, code: int, reason: str, platform_code: int, platform_reason: str) -> None:
        self._is_closing = True
        self._end_in(LINGER_SECONDS)  # first: whatever becomes of the rest, the session ends
        self._counters.closes["floodgate", code] += 1
        with self.failing_alone("session"):  # first: the client's own may end its socket
            self.platform.end_with(close_frame(code, reason, masked=False))
        with self.failing_alone("session"):
            self.client.end_with(close_frame(platform_code, platform_reason, masked=True))
        for side in self._sides:
            if (side.has_ended or side.closed_by_endpoint) and self._other(side).is_at_boundary:
                side.transport.close()  # it has been told, and will not answer, or has sent its own Close before

    def _end_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._ended.done():
            self._timer = self._loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._counters.aborted += 1
        self.tear_down()

    @property
    def _sides(self) -> tuple[Splice, Splice]:
        return self.client, self.platform

    def _other(self, side: Splice) -> Splice:
        return self.platform if side is self.client else self.client

    def _scanner(self, *, masked: bool) -> FrameScanner:
        return FrameScanner(
            masked=masked,
            compressed=bool(self._link.extensions),
            largest_message_bytes=self._bounds.largest_message_bytes,
            most_fragments=self._bounds.most_fragments,
        )


def _lasts(since_ns: int, now_ns: int, seconds: int) -> bool:
    return bool(since_ns) and now_ns - since_ns >= seconds * SECOND_NS
