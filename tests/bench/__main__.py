"""The bench's command line: chooses what runs, prints and writes what was measured, exits with the verdict."""

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from types import FrameType

from rich.console import Console

from tests.bench.bars import BARS, Verdict
from tests.bench.contestants.ground import prepared_ground
from tests.bench.contestants.lineup import LINEUP, chosen
from tests.bench.contestants.program import ProgramFailed
from tests.bench.document import write_document
from tests.bench.readings import Readings
from tests.bench.report import tables
from tests.bench.rounds import Plan, measure_rounds
from tests.bench.windows import LoadFailed

PASSED, BAR_FAILED, RUN_FAILED, INCOMPLETE = 0, 1, 2, 3
_RESULT = Path(__file__).parent / "results" / "latest.json"
_FULL = Plan()
_FILES = 16_384
_WIDTH = 118


def main() -> int:
    """Run the bench: 0 all bars passed, 1 one failed, 2 the run failed, 3 not all was measured."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, _end)
    _raise_file_limit()
    progress = Console(stderr=True, highlight=False, soft_wrap=True, log_path=False)
    builds, missing = chosen(options.only)
    for sentence in missing:
        progress.print(sentence, style="yellow")
    plan = _plan(options)
    try:
        with prepared_ground() as ground:
            readings = measure_rounds(ground, builds, plan, progress.log)
    except (ProgramFailed, LoadFailed) as failure:
        progress.print(str(failure), style="bold red")
        return RUN_FAILED
    _table_console().print(tables(readings, list(builds)))
    write_document(options.json, readings, plan, missing)
    for sentence in missing:
        progress.print(f"Not a full run: {sentence}", style="yellow")
    return _status(readings)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m tests.bench", description="Measure what relaying costs, beside others.")
    parser.add_argument("--quick", action="store_true", help="one short round: a look, no proof")
    parser.add_argument("--only", type=_names, default=tuple(LINEUP), help=f"some of {','.join(LINEUP)}")
    parser.add_argument(
        "--runs", type=int, default=_FULL.rounds, help="rounds, whose median counts (default %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=_FULL.seconds, help="length of a window (default %(default)s)")
    parser.add_argument("--json", type=Path, default=_RESULT, metavar="FILE", help="where the JSON document goes")
    return parser


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = sorted(set(names) - set(LINEUP))
    if unknown:
        raise ArgumentTypeError(f"{', '.join(unknown)} is unknown; choose from {', '.join(LINEUP)}")
    return names


def _plan(options: Namespace) -> Plan:
    if options.quick:
        return Plan(rounds=1, seconds=0.7, idle_connections=300)
    return Plan(rounds=options.runs, seconds=options.seconds)


def _table_console() -> Console:
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_WIDTH)


def _status(readings: Readings) -> int:
    verdicts = [bar.judge(bar.measure(readings)) for bar in BARS]
    if Verdict.FAILED in verdicts:
        return BAR_FAILED
    return INCOMPLETE if Verdict.UNKNOWN in verdicts else PASSED


def _raise_file_limit() -> None:
    """Take as many open files as idle connections need; programs that the bench starts inherit it."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (max(soft, min(_FILES, hard)), hard))


def _end(number: int, _frame: FrameType | None) -> None:
    """End as on Ctrl-C, so that every program that was started is stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
