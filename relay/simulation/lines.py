"""The lines of those who wait, in virtual time: relay/splicing/waiting.py, step by step."""

from collections import deque
from itertools import islice
from typing import Protocol

from relay.simulation.agenda import Agenda, Plan
from relay.throttle.leases import NOBODY, LeasedZone, Standing
from relay.throttle.limiter import AnyZone
from relay.throttle.lots import FAR_NS
from relay.throttle.policy import SECOND_NS, Beyond

PACING_QUANTUM_NS = 2_000_000
MOST_A_TURN, MOST_LOOKED_AT = 128, 512


class Waiter(Protocol):
    """Who holds a message back. It has waited without a break since ``throttled_since_ns``."""

    throttled_since_ns: int
    held_bytes: int
    held_since_ns: int

    def ask_again(self) -> None:
        """Judge the held message once more; whoever must wait again joins the end of a line."""


class Lines:
    """One line a zone. While somebody stands in it the zone's gate is closed, so that nobody overtakes."""

    def __init__(self, agenda: Agenda) -> None:
        """Wait by ``agenda``."""
        self._agenda = agenda
        self._lines: dict[AnyZone, deque[Waiter]] = {}
        self._timers: dict[AnyZone, Plan] = {}

    def join(self, zone: AnyZone, waiter: Waiter) -> None:
        """Stand at the end of the line for ``zone``."""
        line = self._lines.get(zone)
        if line is None:
            line = self._lines[zone] = deque()
            zone.close_gate()
        line.append(waiter)
        self._set_timer(zone)

    def leave(self, zone: AnyZone, waiter: Waiter) -> None:
        """Give up the place, if there is one."""
        line = self._lines.get(zone)
        if line is not None and waiter in line:
            line.remove(waiter)
            self._close_empty_line(zone)

    def standing(self, zone: LeasedZone) -> Standing:
        """Who waits in the line for ``zone``, and for how many permits."""
        line = self._lines.get(zone)
        if not line:
            return NOBODY
        sizes = [zone.permits_for(waiter.held_bytes) for waiter in islice(line, MOST_LOOKED_AT)]
        return Standing(sizes[0], sum(sizes), line[0].held_since_ns)

    def wake(self, zone: LeasedZone) -> None:
        """Ask those who stand in the line for ``zone`` again: permits came."""
        if zone in self._lines:
            self._forget_timer(zone)
            self._go_on(zone)

    def _set_timer(self, zone: AnyZone) -> None:
        due_ns = min(zone.opens_at_ns(), *self._closing_times_ns(zone).values(), FAR_NS)
        if due_ns == FAR_NS:
            return
        at_ns = max(due_ns, self._agenda.now_ns + PACING_QUANTUM_NS)
        timer = self._timers.get(zone)
        if timer is not None and timer.at_ns <= at_ns + PACING_QUANTUM_NS:
            return
        self._forget_timer(zone)
        self._timers[zone] = self._agenda.plan(at_ns, lambda: self._wake(zone))

    def _wake(self, zone: AnyZone) -> None:
        del self._timers[zone]
        self._go_on(zone)

    def _go_on(self, zone: AnyZone) -> None:
        now_ns = self._agenda.now_ns
        for waiter, closes_at_ns in self._closing_times_ns(zone).items():
            if closes_at_ns <= now_ns:
                self.leave(zone, waiter)
                waiter.ask_again()
        if zone in self._lines and zone.has_plenty(now_ns, len(self._lines[zone])):
            waiters = list(self._lines[zone])
            self._lines[zone].clear()
            self._close_empty_line(zone)
            for waiter in waiters:
                waiter.ask_again()
            return
        for _ in range(max(MOST_A_TURN, len(self._lines.get(zone, ())))):
            line = self._lines.get(zone)
            if not line or not zone.has_room(now_ns, line[0].held_bytes):
                break
            waiter = line.popleft()
            self._close_empty_line(zone)
            waiter.ask_again()
        if zone in self._lines:
            self._set_timer(zone)

    def _closing_times_ns(self, zone: AnyZone) -> dict[Waiter, int]:
        if zone.policy.beyond is not Beyond.CLOSE:
            return {}
        closes_after_ns = zone.policy.close_after_waiting_seconds * SECOND_NS
        return {waiter: waiter.throttled_since_ns + closes_after_ns for waiter in self._lines.get(zone, ())}

    def _close_empty_line(self, zone: AnyZone) -> None:
        if not self._lines[zone]:
            del self._lines[zone]
            zone.open_gate()
            self._forget_timer(zone)

    def _forget_timer(self, zone: AnyZone) -> None:
        timer = self._timers.pop(zone, None)
        if timer is not None:
            timer.call_off()
