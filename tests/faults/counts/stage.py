"""All that counts pass through, as real processes: a sender, a relay, a simulator, Celery's worker and beat."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from relay.models.processes import RelayProcess as ProcessRow
from tests.architecture.sources import ROOT
from tests.faults.counts.books import Books
from tests.faults.counts.celery_processes import CeleryProcess, open_roll_ups, wait_until
from tests.faults.counts.sender import Sending, Sent
from tests.faults.ground.processes import RelayProcess

TRAFFIC_SECONDS = 1000.0  # for all that is sent, at the most
ROLL_UP_SECONDS = 180.0  # for both to start again, and tasks that a killed worker held are given out after 120
GLIMPSE_SECONDS = 0.001  # a roll-up is over in some milliseconds


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: when, of whom, and whether that was a worker in the midst of a roll-up."""

    at: float
    victim: str
    in_a_roll_up: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """The processes, and the books of the simulator."""

    relay: RelayProcess
    books: Books
    worker: CeleryProcess
    beat: CeleryProcess

    @contextmanager
    def traffic(self, messages: int, messages_per_second: float) -> Iterator["subprocess.Popen[bytes]"]:
        """A process that sends so much through the relay; it is gone when the block ends."""
        order = Sending(self.relay.port, self.books.connections, messages, messages_per_second)
        command = (sys.executable, "-m", "tests.faults.counts.sender", msgspec.json.encode(order).decode())
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as sender:
            try:
                yield sender
            finally:
                sender.kill()

    def wait_until_received(self, messages: int) -> None:
        """Wait until the simulator has counted so many messages."""
        wait_until(lambda: self.books.messages() >= messages, TRAFFIC_SECONDS)

    def kill(self, victim: CeleryProcess, *, in_a_roll_up: bool) -> Kill:
        """Kill the worker or beat, now or as soon as a roll-up has begun its transaction, and start it again."""
        if in_a_roll_up:
            wait_until(open_roll_ups, ROLL_UP_SECONDS, GLIMPSE_SECONDS)
        at, roll_ups = time.monotonic(), victim.kill()
        victim.start()
        return Kill(at, victim.name, victim is self.worker and roll_ups > 0)

    def end_relay(self) -> None:
        """End the relay as its supervisor does; it says its last record."""
        self.relay.signal(signal.SIGTERM)
        self.relay.process.wait(ROLL_UP_SECONDS)

    def is_rolled_up(self) -> bool:
        """Tell whether the relay's last record was rolled up, and so all that it ever said."""
        return ProcessRow.objects.filter(worker__startswith=f"{self.relay.process.pid}-", has_ended=True).exists()


def sent_of(sender: "subprocess.Popen[bytes]") -> Sent:
    """What a sender says when it is done."""
    told, _ = sender.communicate(timeout=TRAFFIC_SECONDS)
    assert sender.returncode == 0
    return msgspec.json.decode(told, type=Sent)
