"""The bench: measures, prints and writes what was measured, exits with the verdict."""

import os
import signal
import sys
from collections.abc import Callable
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from time import monotonic
from types import FrameType

from rich.console import Console

from tests.bench.contestants.lineup import LINEUP, chosen
from tests.bench.ground.ground import prepared_ground
from tests.bench.ground.program import ProgramFailed
from tests.bench.options import read_options
from tests.bench.report.bars import Status, status
from tests.bench.report.document import write_document
from tests.bench.report.tables import tables
from tests.bench.rounds import measure_rounds
from tests.bench.windows import LoadFailed

_FILES = 16_384
_WIDTH = 118
_BUSY_SHARE = 0.3  # of the cores


def main() -> Status:
    """Run the bench as the command line says."""
    options = read_options()
    signal.signal(signal.SIGTERM, _end)
    _raise_file_limit()
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    builds, missing = chosen(options.names)
    for sentence in [*missing, *_busy()]:
        progress.print(sentence, style="yellow")
    try:
        with prepared_ground() as ground:
            readings = measure_rounds(ground, builds, options.plan, _stamped(progress))
    except (ProgramFailed, LoadFailed) as failure:
        progress.print(str(failure), style="bold red", markup=False)
        return Status.RUN_FAILED
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    _table_console().print(tables(readings, list(builds)))
    write_document(options.document, readings, options.plan, missing)
    for sentence in missing:
        progress.print(f"Not a full run: {sentence}", style="yellow")
    return status(readings, is_complete=set(builds) == set(LINEUP))


def _busy() -> list[str]:
    """A warning, if others use the machine."""
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load <= cores * _BUSY_SHARE:
        return []
    return [f"This machine is busy: a load of {load:.1f} on {cores} cores. Ratios suffer less than times, but both do."]


def _stamped(progress: Console) -> Callable[[str], None]:
    """Print lines of progress with the seconds since now."""
    began = monotonic()
    return lambda line: progress.print(f"{monotonic() - began:4.0f} s  {line}", markup=False)


def _table_console() -> Console:
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_WIDTH)


def _raise_file_limit() -> None:
    """Take as many open files as idle connections need; programs that the bench starts inherit it."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (max(soft, min(_FILES, hard)), hard))


def _end(number: int, _frame: FrameType | None) -> None:
    """End as on Ctrl-C, so that every program that was started is stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
