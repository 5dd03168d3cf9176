"""A program of the bench: started in a session of its own, waited for until it listens, ended with all its children."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

REPOSITORY = Path(__file__).parents[3]
START_TIMEOUT_SECONDS = 30
_STOP_TIMEOUT_SECONDS = 5
_POLL_SECONDS = 0.02
_LOG_SHOWN = 2000  # characters


class ProgramFailed(Exception):
    """A program did not start, or ended by itself; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started, and on which port of 127.0.0.1 it then listens."""

    name: str
    command: tuple[str, ...]
    port: int
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / f"{self.name}.log"

    def log_end(self) -> str:
        """The last lines of its output."""
        return self.log.read_text(errors="replace")[-_LOG_SHOWN:]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(program: Program) -> Iterator[int]:
    """Run the program while the block lasts: the id of its session, which all its children share.

    Raises:
        ProgramFailed: it ended by itself, or did not listen in time.
    """
    with program.log.open("wb") as log:
        process = subprocess.Popen(
            program.command,
            cwd=REPOSITORY,
            env={**os.environ, **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_listening(program, process)
        yield process.pid
    finally:
        _stop(process)


def _wait_until_listening(program: Program, process: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + START_TIMEOUT_SECONDS
    while not _is_listening(program.port):
        if _has_ended(process, within_seconds=_POLL_SECONDS):
            raise ProgramFailed(f"{program.name} ended with status {process.returncode}.\n{program.log_end()}")
        if monotonic() > deadline:
            raise ProgramFailed(f"{program.name} does not listen after {START_TIMEOUT_SECONDS} s.\n{program.log_end()}")


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _has_ended(process: subprocess.Popen[bytes], *, within_seconds: float) -> bool:
    try:
        process.wait(within_seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole session: by SIGTERM, and what is left after a while by SIGKILL."""
    _signal(process.pid, signal.SIGTERM)
    _has_ended(process, within_seconds=_STOP_TIMEOUT_SECONDS)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(process_group: int, number: signal.Signals) -> None:
    try:
        os.killpg(process_group, number)
    except ProcessLookupError:
        return  # all have ended
