"""Programs as running processes: each started in a group of its own, logged, watched, and ended with its children."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from controlplane.demonstration.environment import PROJECT_DIRECTORY

LOG_LINES_SHOWN = 15
END_SECONDS = 8.0  # from the first signal to the last by force
GROUP_SECONDS = 4.0  # a relay that drains needs most


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started. One that ``reports`` tells us by its standard output, which is then not logged."""

    name: str
    command: tuple[str, ...]
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    reports: bool = False


class ProgramEnded(Exception):
    """A program ended by itself or could not be started; the text says which, and how its log ends."""


class RunningProgram:
    """One process and all those that it starts."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process) -> None:
        """Use ``start``."""
        self.program = program
        self._process = process

    @classmethod
    async def start(cls, program: Program) -> "RunningProgram":
        """Start a program, with its log begun anew.

        Raises:
            ProgramEnded: it is not there, or may not be run.
        """
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("wb") as log:
            try:
                process = await asyncio.create_subprocess_exec(
                    *dying_with_us(),
                    *program.command,
                    cwd=PROJECT_DIRECTORY,
                    env={**os.environ, **program.variables},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if program.reports else log,
                    stderr=log,
                    start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on, in the right order
                )
            except OSError as error:
                raise ProgramEnded(f"{program.name} can't be started: {error}.") from error
        return cls(program, process)

    async def report_line(self) -> bytes:
        """The next line of a program that reports; empty at its end."""
        if self._process.stdout is None:
            raise ValueError(f"{self.program.name} does not report.")
        return await self._process.stdout.readline()

    async def wait(self) -> int:
        """Wait for its end; its status."""
        return await self._process.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, with every process of its group that is left."""
        self._signal(signal.SIGKILL)

    def last_words(self) -> str:
        """Its name, its status and the last lines of its log."""
        with self.program.log.open(encoding="utf-8", errors="replace") as log:
            lines = "".join(deque(log, LOG_LINES_SHOWN)).rstrip()
        return f"{self.program.name} ended with status {self._process.returncode}. {self.program.log} ends:\n{lines}"

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # it has ended
            os.killpg(self._process.pid, number)


@cache
def dying_with_us() -> tuple[str, ...]:
    """A prefix by which Linux ends a program when we are killed; nothing where there is no such program."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    prefix = (setpriv, "--pdeathsig", "TERM", "--")
    attempt = subprocess.run((*prefix, setpriv, "--version"), capture_output=True, check=False)  # BusyBox' knows less
    return () if attempt.returncode else prefix


class Crew:
    """All programs that run now. When one of them ends by itself, ``casualty`` says so."""

    def __init__(self) -> None:
        """Begin with none."""
        self._running: list[RunningProgram] = []
        self._watches: set[asyncio.Task[None]] = set()
        self._end_by = 0.0  # by the loop's clock, once all shall end
        self.casualty: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(self, program: Program) -> RunningProgram:
        """Start one more, and watch it.

        Raises:
            ProgramEnded: it can't be started.
        """
        running = await RunningProgram.start(program)
        self._running.append(running)
        self._watches.add(asyncio.create_task(self._watch(running), name=f"watch {program.name}"))
        return running

    async def run_to_end(self, program: Program) -> None:
        """Run one that ends by itself.

        Raises:
            ProgramEnded: with another status than 0.
        """
        running = await RunningProgram.start(program)
        self._running.append(running)
        if await running.wait():
            raise ProgramEnded(running.last_words())

    async def end(self, order: Sequence[Sequence[str]]) -> None:
        """End group after group by its programs' names, all within ``END_SECONDS`` from the first call on."""
        self._end_by = self._end_by or asyncio.get_running_loop().time() + END_SECONDS
        for names in order:
            group = [running for running in self._running if running.program.name in names]
            await _end_group(group, self._end_by)

    async def kill_what_is_left(self) -> None:
        """End by force whatever still runs."""
        self._end_by = self._end_by or asyncio.get_running_loop().time()
        for running in self._running:
            running.kill()
        await asyncio.gather(*self._watches)

    async def _watch(self, running: RunningProgram) -> None:
        await running.wait()
        if not self._end_by and not self.casualty.done():
            self.casualty.set_result(running.last_words())


async def _end_group(group: Sequence[RunningProgram], deadline: float) -> None:
    for running in group:
        running.terminate()
    moment = min(deadline, asyncio.get_running_loop().time() + GROUP_SECONDS)
    with suppress(TimeoutError):
        async with asyncio.timeout_at(moment):
            await asyncio.gather(*(running.wait() for running in group))
