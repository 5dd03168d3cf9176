"""What the command line says: who takes part, how much is measured, where the document goes."""

from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contestants.lineup import LINEUP
from tests.bench.rounds import Plan

_RESULT = Path(__file__).parent / "results" / "latest.json"
_FULL = Plan()
_QUICK = Plan(rounds=1, seconds=0.7, idle_connections=300)


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of one run."""

    names: tuple[str, ...]
    plan: Plan
    document: Path


def read_options() -> Options:
    """Parse the command line; what is wrong with it ends the program with status 2."""
    parser = ArgumentParser(prog="python -m tests.bench", description="Measure what relaying costs, beside others.")
    parser.add_argument("--quick", action="store_true", help="one short round: a look, no proof")
    parser.add_argument("--only", type=_names, default=tuple(LINEUP), help=f"some of {','.join(LINEUP)}")
    parser.add_argument("--runs", type=_count, default=_FULL.rounds, help="rounds; medians count (default %(default)s)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=_FULL.seconds,
        help="length of a window, half of it where no close bar is (default %(default)s)",
    )
    parser.add_argument("--json", type=Path, default=_RESULT, metavar="FILE", help="where the JSON document goes")
    chosen = parser.parse_args()
    plan = _QUICK if chosen.quick else Plan(rounds=chosen.runs, seconds=chosen.seconds)
    return Options(chosen.only, plan, chosen.json)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = sorted(set(names) - set(LINEUP))
    if unknown:
        raise ArgumentTypeError(f"{', '.join(unknown)} is unknown; choose from {', '.join(LINEUP)}")
    return names


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text} is no number of rounds; at least 1 is needed")
    return int(text)
