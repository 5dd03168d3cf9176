"""Real processes that roll telemetry up when they are told to, as Celery's workers do when beat tells them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.architecture.sources import ROOT

PROGRAM = """
import sys
import django
django.setup()
from relay.tasks import roll_up_telemetry
print("ready", flush=True)
for beat in sys.stdin:
    roll_up_telemetry()
    print("done", flush=True)
"""


class Worker:
    """One such process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """It says when it is ready."""
        self._process = process
        self._expect("ready")

    def beat(self) -> None:
        """Tell it to roll up; it does so while this goes on."""
        assert self._process.stdin
        self._process.stdin.write("beat\n")
        self._process.stdin.flush()

    def wait_until_done(self) -> None:
        """Wait until it has rolled up what it was last told to."""
        self._expect("done")

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    def _expect(self, word: str) -> None:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line == f"{word}\n", f"the worker says {line!r}"


@contextmanager
def workers(count: int, **environment: str) -> Iterator[list[Worker]]:
    """So many processes, all ready; they are gone when the block ends."""
    variables = {**os.environ, "FLOODGATE_LOG_LEVEL": "ERROR", **environment}
    processes = [_started(variables) for _ in range(count)]
    try:
        yield [Worker(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _started(variables: dict[str, str]) -> subprocess.Popen[str]:
    command, pipe = [sys.executable, "-c", PROGRAM], subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=variables, stdin=pipe, stdout=pipe, text=True)
