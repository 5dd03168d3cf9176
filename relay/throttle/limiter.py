"""Decides one message over a chain of zones: all of them or none is charged. Knows no clock: time is passed in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from relay.throttle.leases import LeasedZone
from relay.throttle.lots import FAR_NS, NEVER_NS
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Direction
from relay.throttle.verdict import PASS, Action, Verdict
from relay.throttle.zone import Zone

AnyZone: TypeAlias = Zone | LeasedZone
FrameChains: TypeAlias = tuple[list[AnyZone], list[AnyZone], list[AnyZone]]
FLOWING = (Counted.MESSAGES, Counted.BYTES, Counted.CONTROL_FRAMES)  # what a session's limiters are of


class Limiter:
    """The zones that one kind of traffic of one connection must pass. Their order decides nothing.

    Attributes:
        deciding_zone: the zone behind the last verdict that was not PASS; its line is where to wait.
    """

    __slots__ = ("_bytes_too", "_leased", "_ready_until_ns", "_zones", "deciding_zone")

    def __init__(self, zones: Iterable[AnyZone]) -> None:
        """Combine ``zones``, which may be shared with other limiters of the same process."""
        all_zones = tuple(zones)
        self._zones = tuple(zone for zone in all_zones if isinstance(zone, Zone))
        self._leased = tuple(zone for zone in all_zones if isinstance(zone, LeasedZone))
        self._bytes_too = any(zone.policy.counted is Counted.BYTES for zone in all_zones)
        self._ready_until_ns = NEVER_NS  # all leases have their permits ready for as long
        self.deciding_zone: AnyZone | None = None

    @property
    def decided_by(self) -> AnyZone:
        """The same, after a verdict that was not PASS."""
        if self.deciding_zone is None:
            raise LookupError("Every verdict was PASS: no zone decided.")
        return self.deciding_zone

    @property
    def zones(self) -> tuple[AnyZone, ...]:
        """The zones of the chain."""
        return *self._zones, *self._leased

    def admit(self, now_ns: int, size_bytes: int = 0) -> Verdict:
        """Decide one message that has just arrived.

        Args:
            now_ns: monotonic time in nanoseconds; may repeat, never runs backwards.
            size_bytes: what byte zones charge.

        Returns:
            PASS: charged in every zone. WAIT: charged in none, to be asked again by ``admit_waiting``, except
            where it is ``reserved``: charged now, goes on after ``wait_ns``. REJECT: charged in none, with the
            time after which another try can succeed. The strictest zone decides.
        """
        if self.admit_run(now_ns, 1):
            return PASS
        if all(zone.theoretical_arrival_ns - now_ns <= zone.gate_ns for zone in self._zones) and all(
            zone.admits(now_ns, size_bytes) for zone in self._leased
        ):
            self._charge(now_ns, size_bytes)
            return PASS
        return self._hold_back(now_ns, size_bytes)

    def admit_run(self, now_ns: int, messages: int) -> bool:
        """Charge several messages that have just arrived together, if ``admit`` would let all of them pass.

        Args:
            now_ns: as for ``admit``.
            messages: how many, at least one.

        Returns:
            Whether they pass. If not, nothing was charged: ``admit`` says of each what becomes of it. Zones of bytes
            always have it so, since what each message costs is rounded up.
        """
        if now_ns >= self._ready_until_ns and not self._make_ready(now_ns):
            return False
        for zone in self._zones:
            # Zone's methods and max() written out: calling them made five zones 2.8 times as dear.
            arrival_ns = zone.theoretical_arrival_ns
            excess_ns = arrival_ns - now_ns if arrival_ns > now_ns else 0
            if excess_ns + messages * zone.interval_ns > zone.run_gate_ns:
                return False
        for lease in self._leased:
            left = lease.ready - messages
            if left < 0:
                if not self._spend_by_times(now_ns, messages, lease):
                    return False
                break
            lease.ready = left
        for zone in self._zones:
            arrival_ns = zone.theoretical_arrival_ns
            cost_ns = messages * zone.interval_ns
            zone.theoretical_arrival_ns = (arrival_ns if arrival_ns > now_ns else now_ns) + cost_ns  # noqa: FURB136
        return True

    def _spend_by_times(self, now_ns: int, messages: int, refused_by: LeasedZone) -> bool:
        """Charge a run in all leases, looking at when their permits open and end, or in none."""
        for lease in self._leased:
            if lease is refused_by:
                break
            lease.ready += messages
        if not all(lease.admits_run(now_ns, messages) for lease in self._leased):
            return False
        for lease in self._leased:
            lease.spend(now_ns, messages)
        return True

    def _make_ready(self, now_ns: int) -> bool:
        """Begin the lots whose time has come; false where each message must be charged by itself."""
        if self._bytes_too:
            return False
        self._ready_until_ns = min((lease.make_ready(now_ns) for lease in self._leased), default=FAR_NS)
        return True

    def room(self, now_ns: int, most: int) -> int:
        """How many messages that have just arrived ``admit_run`` would let pass together, ``most`` at the most."""
        if self._bytes_too:
            return 0
        for zone in self._zones:
            left_ns = zone.gate_ns - zone.excess_ns(now_ns)
            most = min(most, left_ns // zone.interval_ns + 1) if left_ns >= 0 else 0
        for lease in self._leased:
            most = lease.room(now_ns, most)
        return most

    def admit_waiting(self, now_ns: int, size_bytes: int, arrived_ns: int, throttled_since_ns: int) -> Verdict:
        """Decide a message that was told to wait and is now first in line.

        What it lost because it was asked late is made up for from the part of the burst beyond ``delay``,
        so that a busy process does not fall behind the rate, nor ever exceed rate x time + burst + 1.

        Args:
            now_ns: as for ``admit``.
            size_bytes: as for ``admit``.
            arrived_ns: when the message was first judged.
            throttled_since_ns: since when its connection has waited without a break; zones may close on that.

        Returns:
            PASS; WAIT, charged in none; or CLOSE, where the zone that holds it says so of a wait of that length. A
            message whose turn has come is closed on too: a flood that is alone finds room whenever it is asked.
        """
        held_by, strictest = self.deciding_zone, PASS
        for zone in self.zones:
            has_room = zone.has_room(now_ns, size_bytes)
            if zone is held_by or not has_room:
                verdict = _judge_waiting(zone, now_ns, throttled_since_ns, has_room=has_room)
                if verdict > strictest:
                    strictest, self.deciding_zone = verdict, zone
        if strictest is not PASS:
            self._lack(now_ns, size_bytes)
            return strictest
        for zone in self._zones:
            earliest_ns = now_ns - (zone.burst_ns - zone.delay_ns)
            zone.charge(zone.cost_ns(size_bytes), max(arrived_ns, earliest_ns))
        for lease in self._leased:
            lease.spend(now_ns, lease.permits_for(size_bytes))
        return PASS

    def _hold_back(self, now_ns: int, size_bytes: int) -> Verdict:
        strictest = PASS
        for zone in self._zones:
            verdict = _judge(zone, now_ns)
            if verdict > strictest:
                strictest, self.deciding_zone = verdict, zone
        for lease in self._leased:
            if not lease.admits(now_ns, size_bytes):
                verdict = Verdict(Action.WAIT, lease.wait_ns(now_ns), lease.policy.name)
                if verdict > strictest:
                    strictest, self.deciding_zone = verdict, lease
        if strictest.action is Action.WAIT and not strictest.reserved:
            self._lack(now_ns, size_bytes)
        elif strictest.action is not Action.REJECT:
            self._charge(now_ns, size_bytes)
        return strictest

    def _charge(self, now_ns: int, size_bytes: int) -> None:
        for zone in self._zones:
            zone.charge(zone.cost_ns(size_bytes), now_ns)
        for lease in self._leased:
            lease.spend(now_ns, lease.permits_for(size_bytes))

    def _lack(self, now_ns: int, size_bytes: int) -> None:
        """Have all permits asked for that are not here, in one go: whoever waits for one zone will need the others."""
        for lease in self._leased:
            if not lease.has_room(now_ns, size_bytes):
                lease.lack(size_bytes)


UNLIMITED = Limiter(())  # one for all: it never decides, so it has nothing of a connection's own


class FrameLimits(NamedTuple):
    """The limiters of one direction, in the order of protocol.frames' FrameKind, which is their index.

    Every frame of a stream pays for its bytes, however the stream is cut: messages and control frames with what
    counts them, a message's further fragments with nothing else. Small fragments are judged as control frames.
    """

    messages: Limiter
    fragments: Limiter
    control_frames: Limiter


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The limiters of both directions of a connection."""

    to_platform: FrameLimits
    to_client: FrameLimits

    @classmethod
    def of(cls, zones: Iterable[AnyZone]) -> "SessionLimits":
        """Have each of ``zones`` limit what it counts, in its direction."""
        chains: dict[Direction, FrameChains] = {direction: ([], [], []) for direction in Direction}
        for zone in zones:
            messages, fragments, control_frames = chains[zone.policy.direction]
            if zone.policy.counted in (Counted.MESSAGES, Counted.BYTES):
                messages.append(zone)
            if zone.policy.counted is Counted.BYTES:
                fragments.append(zone)
            if zone.policy.counted in (Counted.CONTROL_FRAMES, Counted.BYTES):
                control_frames.append(zone)
        to_platform, to_client = (
            FrameLimits(*(Limiter(chain) if chain else UNLIMITED for chain in chains[direction]))
            for direction in (Direction.TO_PLATFORM, Direction.TO_CLIENT)
        )
        return cls(to_platform, to_client)


def _judge(zone: Zone, now_ns: int) -> Verdict:
    """Say what one more message would meet in one zone, without charging for it."""
    policy, excess_ns = zone.policy, zone.theoretical_arrival_ns - now_ns
    if excess_ns <= zone.gate_ns:
        return PASS
    wait_ns = max(0, excess_ns - zone.delay_ns)
    if policy.beyond is not Beyond.REJECT:
        return Verdict(Action.WAIT, wait_ns, policy.name)
    if excess_ns <= zone.burst_ns:
        return Verdict(Action.WAIT, wait_ns, policy.name, reserved=True)
    return Verdict(Action.REJECT, excess_ns - zone.burst_ns, policy.name)


def _judge_waiting(zone: AnyZone, now_ns: int, throttled_since_ns: int, *, has_room: bool) -> Verdict:
    """Say what a message that was told to wait would meet in one zone, without charging for it."""
    policy, wait_ns = zone.policy, 0 if has_room else zone.wait_ns(now_ns)
    closes_after_ns = policy.close_after_waiting_seconds * SECOND_NS
    if policy.beyond is Beyond.CLOSE and now_ns - throttled_since_ns >= closes_after_ns:
        return Verdict(Action.CLOSE, wait_ns, policy.name)
    return Verdict(Action.WAIT, wait_ns, policy.name) if wait_ns else PASS
