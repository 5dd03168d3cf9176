"""HTTP requests in virtual time: each stands for itself, and is answered, refused, or waits in the line of a zone."""

from collections.abc import Callable

from relay.simulation.agenda import Agenda
from relay.simulation.events import Event, Outcome, Result, went_on
from relay.throttle.limiter import Limiter
from relay.throttle.lines import Lines, Waiter
from relay.throttle.policy import ZoneSource
from relay.throttle.verdict import PASS, Action


class Request:
    """One request on its way past the zones that count it."""

    held_bytes = 0
    _held_by: ZoneSource | None = None

    def __init__(
        self, event: Event, limiter: Limiter, agenda: Agenda, lines: Lines[Waiter], tell: Callable[[Outcome], None]
    ) -> None:
        """Judge nothing yet; ``tell`` is called once, with what became of it."""
        self._event, self._limiter, self._agenda, self._lines, self._tell = event, limiter, agenda, lines, tell
        self.throttled_since_ns = self.held_since_ns = agenda.now_ns

    def begin(self) -> None:
        """Judge it when it comes."""
        now_ns = self._agenda.now_ns
        verdict = self._limiter.admit(now_ns)
        if verdict is PASS:
            self._go_on()
            return
        self._held_by = self._limiter.decided_by.source
        if verdict.action is Action.REJECT:
            self._tell(Outcome(self._event, Result.REFUSED, now_ns, self._held_by))
        elif verdict.reserved:
            self._agenda.plan(now_ns + verdict.wait_ns, self._go_on)
        else:
            self._lines.join(self._limiter.decided_by, self, now_ns)

    def ask_again(self, now_ns: int) -> None:
        """Judge it once more: it is first in its line."""
        verdict = self._limiter.admit_waiting(now_ns, 0, self.held_since_ns, self.throttled_since_ns)
        if verdict is PASS:
            self._go_on()
        else:
            self._lines.join(self._limiter.decided_by, self, now_ns)

    def count_if_throttled(self, _now_ns: int) -> None:
        """It counts as throttled from the beginning: nothing closes on a request."""

    def _go_on(self) -> None:
        self._tell(went_on(self._event, self._agenda.now_ns, self._held_by))
