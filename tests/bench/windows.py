"""One window of load: the load process is run on a contestant, and what it measured comes back."""

import subprocess
import sys
from dataclasses import dataclass

import msgspec

from tests.bench.contestants.contestant import Contestant
from tests.bench.ground.program import REPOSITORY
from tests.bench.load.scenarios import ClosedLoop, Handshakes, Idle, Paced, Scenario
from tests.bench.processes import session_members

_LOAD_TIMEOUT_SECONDS = 60
_ERROR_SHOWN = 1000  # characters
_WARM_UP_SECONDS = 0.3
_LATENCY_CONNECTIONS = 16
_HANDSHAKES_AT_ONCE = 16


class LoadFailed(Exception):
    """The load process could not measure; the message says what happened to which contestant."""


@dataclass(frozen=True, slots=True)
class Started:
    """A contestant that runs, and the session of its processes; 0 for the echo itself, which relays nothing."""

    contestant: Contestant
    session_id: int = 0

    @property
    def name(self) -> str:
        """The contestant's name."""
        return self.contestant.name

    @property
    def process_ids(self) -> tuple[int, ...]:
        """All processes of the contestant as of now."""
        return session_members(self.session_id) if self.session_id else ()

    def carry(self, upstream: str, connections: int, in_flight: int, seconds: float) -> dict[str, float]:
        """A closed loop through the contestant."""
        target = self.contestant.target(upstream)
        return self._measured(ClosedLoop(target, self.process_ids, connections, in_flight, _WARM_UP_SECONDS, seconds))

    def pace(self, upstream: str, messages_per_second: float, seconds: float) -> dict[str, float]:
        """A fixed pace through the contestant."""
        target = self.contestant.target(upstream)
        return self._measured(Paced(target, _LATENCY_CONNECTIONS, messages_per_second, _WARM_UP_SECONDS, seconds))

    def hold(self, upstream: str, connections: int) -> dict[str, float]:
        """Idle connections through the contestant."""
        return self._measured(Idle(self.contestant.target(upstream), self.process_ids, connections))

    def greet(self, upstream: str, seconds: float) -> dict[str, float]:
        """Handshakes with the contestant."""
        target = self.contestant.target(upstream)
        return self._measured(Handshakes(target, self.process_ids, _HANDSHAKES_AT_ONCE, _WARM_UP_SECONDS, seconds))

    def _measured(self, scenario: Scenario) -> dict[str, float]:
        """Run the scenario in a process of its own.

        Raises:
            LoadFailed: the contestant refused or lost connections, or the load did not end in time.
        """
        command = (sys.executable, "-m", "tests.bench.load", msgspec.json.encode(scenario).decode())
        what = f"{type(scenario).__name__} on {self.name} ({scenario.target.path})"
        try:
            load = subprocess.run(
                command, cwd=REPOSITORY, capture_output=True, timeout=_LOAD_TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise LoadFailed(f"{what} did not end within {_LOAD_TIMEOUT_SECONDS} s.") from None
        if load.returncode:
            reason = load.stderr.decode(errors="replace").strip()[-_ERROR_SHOWN:]
            raise LoadFailed(f"{what} failed: {reason}\n{self._log_end()}")
        return msgspec.json.decode(load.stdout, type=dict[str, float])

    def _log_end(self) -> str:
        program = self.contestant.program
        return f"The end of {self.name}'s log:\n{program.log_end()}" if program else ""
