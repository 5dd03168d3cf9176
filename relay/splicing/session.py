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
from relay.throttle.limiter import AnyZone, SessionLimits
from relay.throttle.policy import SECOND_NS
from relay.throttle.verdict import Verdict
from relay.upstream.faults import Phase
from relay.upstream.link import Link

LINGER_SECONDS = 2.0  # how long a closed client may take to read its Close frame
MOST_LINGER_BYTES = 16 * 1024 * 1024  # that are read of a closed endpoint: more than kernels hold of what it had sent
LINGER_QUIET_SECONDS = 0.1  # nothing came from an endpoint that broke the protocol or flooded: it has sent all
CLOSE_ANSWER_SECONDS = 10  # how long an endpoint may take to answer the other's Close frame
FLUSH_SECONDS = 30.0  # how long a platform may take to read what its client left behind
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

    def begin(self) -> None:
        """Join the link, once the client's socket has been taken over."""
        self.platform.connection_made(self._link.transport)
        self._link.transport.set_protocol(self.platform)
        self.client.join(self.platform)
        self.platform.join(self.client)
        self._link.hand_over(self.platform)
        self.platform.go_on(Stop.NOT_YET)
        self.client.go_on(Stop.NOT_YET)

    async def ended(self) -> None:
        """Wait until both sockets are gone. Cancelled, it tears them down."""
        try:
            await self._ended
        finally:
            for timer in (self._timer, *self._quiet_timers.values()):
                if timer is not None:
                    timer.cancel()
            self._abort()

    def adopt(self, limits: SessionLimits) -> None:
        """Go on under another version of the policies."""
        self.client.adopt(limits.to_platform)
        self.platform.adopt(limits.to_client)

    def inspect(self) -> None:
        """Close what takes too long: a side that does not read, or, where that is limited, a client that is silent."""
        bounds, client, now_ns = self._bounds, self.client, time.monotonic_ns()
        if client.closed_by_endpoint or self.platform.closed_by_endpoint:
            self._close_seen_ns = self._close_seen_ns or now_ns
            if _lasts(self._close_seen_ns, now_ns, CLOSE_ANSWER_SECONDS):
                self._give_up()  # whoever was told has had its time to answer
        elif _lasts(client.full_since_ns, now_ns, bounds.slow_reader_seconds):
            self.close(CloseCode.SLOW_READER, close_reason("slow_reader", seconds=bounds.slow_reader_seconds))
        elif _lasts(self.platform.full_since_ns, now_ns, bounds.slow_reader_seconds):
            self.close(CloseCode.PLATFORM_LOST, close_reason("platform_slow", seconds=bounds.slow_reader_seconds))
        elif client.was_heard or not client.is_read or not self._quiet_since_ns:
            client.was_heard = False
            self._quiet_since_ns = now_ns
        elif bounds.idle_seconds and _lasts(self._quiet_since_ns, now_ns, bounds.idle_seconds):
            self.close(CloseCode.IDLE, close_reason("idle", seconds=bounds.idle_seconds))

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
        self._quiet_timers[side] = self._loop.call_later(LINGER_QUIET_SECONDS, side.transport.close)

    def side_failed(self, _error: Exception) -> None:
        """End at once, and nobody else."""
        self._give_up()

    def side_lost(self, side: Splice) -> None:
        """End the other side in the way that its endpoint can understand."""
        self._sides_left -= 1
        if not self._sides_left:
            if not self._ended.done():
                self._ended.set_result(None)
        elif side is self.client:
            self._is_closing = True
            self.platform.end_with(b"")  # nobody is left to read what waits
            self.platform.transport.close()  # writes what is buffered first
            self._end_in(FLUSH_SECONDS)
        elif side.closed_by_endpoint and self.client.closed_by_endpoint:
            self.client.transport.close()
            self._end_in(LINGER_SECONDS)
        elif side.closed_by_endpoint:
            self._is_closing = True
            self.client.end_with(b"")  # the platform is gone: wait for the client's Close frame only
            self._end_in(LINGER_SECONDS)
        elif not side.is_at_boundary:
            self._abort()  # half a frame was passed on: a Close frame would be read as its rest
        else:
            self.close(CloseCode.PLATFORM_LOST, close_reason("platform_lost"))

    def _end(self, code: int, reason: str, platform_code: int, platform_reason: str) -> None:
        self._is_closing = True
        self._counters.closes["floodgate", code] += 1
        self.platform.end_with(close_frame(code, reason, masked=False))  # first: the client's own may end its socket
        self.client.end_with(close_frame(platform_code, platform_reason, masked=True))
        self._end_in(LINGER_SECONDS)

    def _end_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._counters.aborted += 1
        self._abort()

    def _abort(self) -> None:
        for side in (self.client, self.platform):
            if hasattr(side, "transport"):
                side.end_with(b"")  # what waits would keep it
                side.transport.abort()

    def _scanner(self, *, masked: bool) -> FrameScanner:
        return FrameScanner(
            masked=masked,
            compressed=bool(self._link.extensions),
            largest_message_bytes=self._bounds.largest_message_bytes,
            most_fragments=self._bounds.most_fragments,
        )


def _lasts(since_ns: int, now_ns: int, seconds: int) -> bool:
    return bool(since_ns) and now_ns - since_ns >= seconds * SECOND_NS
