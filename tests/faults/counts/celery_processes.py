"""Celery's worker and beat as real processes that may be killed at any moment, and waiting for what they do."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from tests.architecture.sources import ROOT

POLL_SECONDS = 0.1
CELERY = (sys.executable, "-m", "celery", "--app", "controlplane.celery:application")
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "worker": ("worker", "--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
    "beat": ("beat", "--pidfile=", "--loglevel", "WARNING"),
}
# A roll-up holds the row of its position from its transaction's beginning to its end.
ROLL_UPS = """
    SELECT count(DISTINCT pid) FROM pg_locks
    WHERE relation = 'relay_streamposition'::regclass AND mode = 'RowShareLock' AND granted
"""


@dataclass(slots=True)
class CeleryProcess:
    """A worker or a beat with its children, in a process group of its own."""

    name: str
    folder: Path
    environment: Mapping[str, str]
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Start it; what it writes goes to a file."""
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                (*CELERY, *ARGUMENTS[self.name]),
                cwd=ROOT,
                env={**os.environ, **self.environment, "TMPDIR": str(self.folder)},  # a killed pool leaves a folder
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> int:
        """SIGKILL to all of it; answers how many roll-ups were in the midst of their transaction then."""
        assert self._process
        assert self._process.poll() is None, f"{self.name} has ended: {self.log_end()}"
        os.killpg(self._process.pid, signal.SIGSTOP)  # what is looked at is as it was when it was killed
        in_the_midst = open_roll_ups()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return in_the_midst

    def end(self) -> None:
        """SIGKILL, if it runs."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def log_end(self) -> str:
        """The last of what it wrote."""
        return (self.folder / f"{self.name}.log").read_text(errors="replace")[-2000:]


def open_roll_ups() -> int:
    """How many roll-ups have a transaction open now."""
    with connection.cursor() as cursor:
        cursor.execute(ROLL_UPS)
        return int(cursor.fetchone()[0])


def wait_until(condition: Callable[[], object], seconds: float, poll_seconds: float = POLL_SECONDS) -> None:
    """Wait until ``condition`` is true, for so long at the most."""
    over_at, timer = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < over_at, f"not so within {seconds:g} s"
        timer.wait(poll_seconds)
